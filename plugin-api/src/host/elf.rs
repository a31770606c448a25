//! Reads a file's ELF headers without running or mapping anything.
//!
//! A truncated library raises SIGBUS inside dlopen, which no error handling catches. A library for
//! another machine, or without our entry, gets a clearer error here than from the linker.

use std::fs::File;

use object::elf;
use object::read::ReadCache;
use object::read::elf::{Dyn as _, FileHeader, ProgramHeader as _, SectionTable, Sym as _};
use object::{Endianness, ReadRef as _};

use crate::{entry_c, entry_rust};

#[cfg(target_pointer_width = "64")]
type Header = elf::FileHeader64<Endianness>;
#[cfg(target_pointer_width = "32")]
type Header = elf::FileHeader32<Endianness>;

type Dynamic = <Header as FileHeader>::Dyn;

/// The ELF machine this program runs on.
const MACHINE: elf::Machine = if cfg!(target_arch = "x86_64") {
    elf::EM_X86_64
} else if cfg!(target_arch = "aarch64") {
    elf::EM_AARCH64
} else if cfg!(target_arch = "riscv64") {
    elf::EM_RISCV
} else if cfg!(target_arch = "powerpc64") {
    elf::EM_PPC64
} else if cfg!(target_arch = "s390x") {
    elf::EM_S390
} else if cfg!(target_arch = "loongarch64") {
    elf::EM_LOONGARCH
} else if cfg!(target_arch = "arm") {
    elf::EM_ARM
} else if cfg!(target_arch = "x86") {
    elf::EM_386
} else {
    elf::EM_NONE
};

/// Which of the two entries a plugin exports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EntryKind {
    /// abi_stable's root module.
    Rust,
    /// `getinfo_provider_v1`.
    C,
}

/// Checks that class, machine and type fit, that each segment lies within the file, that no library
/// search path is built in, and that the file exports exactly one entry symbol.
pub(super) fn inspect(file: &File) -> Result<EntryKind, String> {
    let data = ReadCache::new(file);
    let broken =
        |err: object::Error| format!("it is not a valid shared library for this machine: {err}");
    let header = Header::parse(&data).map_err(broken)?;
    let endian = header.endian().map_err(broken)?;
    if header.e_machine(endian) != MACHINE || header.e_type(endian) != elf::ET_DYN {
        return Err(format!(
            "it is not a shared library for this machine (ELF machine {}, type {})",
            header.e_machine(endian),
            header.e_type(endian)
        ));
    }
    let len = (&data).len().map_err(|()| "cannot read its length".to_owned())?;
    let segments = header.program_headers(endian, &data).map_err(broken)?;
    for segment in segments {
        let (offset, size) = segment.file_range(endian);
        if offset.checked_add(size).is_none_or(|end| end > len) {
            return Err(format!("it is truncated: a segment ends beyond its {len} bytes"));
        }
        // Through the segment, as the linker finds it: a section can be missing or lie elsewhere.
        if let Some(entries) = segment.dynamic(endian, &data).map_err(broken)? {
            check_dynamic(entries, endian)?;
        }
    }
    let sections = header.sections(endian, &data).map_err(broken)?;
    check_libc(&sections, endian, &data)?;
    let symbols = sections.symbols(endian, &data, elf::SHT_DYNSYM).map_err(broken)?;
    let (mut rust, mut c) = (false, false);
    for symbol in symbols.iter() {
        if symbol.st_shndx(endian) == elf::SHN_UNDEF {
            continue;
        }
        let name = symbol.name(endian, symbols.strings()).map_err(broken)?;
        rust |= name == entry_rust::SYMBOL.as_bytes();
        c |= name == entry_c::SYMBOL.as_bytes();
    }
    match (rust, c) {
        (true, false) => Ok(EntryKind::Rust),
        (false, true) => Ok(EntryKind::C),
        (false, false) => Err("it is not a plugin: it exports no plugin entry".to_owned()),
        (true, true) => {
            Err("it exports both a Rust and a C entry; a plugin has exactly one".to_owned())
        }
    }
}

fn check_dynamic(entries: &[Dynamic], endian: Endianness) -> Result<(), String> {
    let has_path = entries.iter().any(|entry| {
        let tag = entry.d_tag(endian);
        tag == elf::DT_RPATH || tag == elf::DT_RUNPATH
    });
    if has_path {
        return Err(
            "it has its own library search path (RPATH or RUNPATH); link it without -rpath"
                .to_owned(),
        );
    }
    Ok(())
}

/// Refuses a library that needs musl's C library, which cannot share a process with the GNU C
/// library that this program uses: the linker's message would be about a missing or invalid file.
/// musl's names are `libc.so`, which for the GNU C library is a linker script, and in Alpine
/// `libc.musl-ARCH.so.1`.
fn check_libc<'a>(
    sections: &SectionTable<'a, Header, &'a ReadCache<&'a File>>,
    endian: Endianness,
    data: &'a ReadCache<&'a File>,
) -> Result<(), String> {
    let broken =
        |err: object::Error| format!("it is not a valid shared library for this machine: {err}");
    let Some((entries, strings)) = sections.dynamic(endian, data).map_err(broken)? else {
        return Ok(());
    };
    let strings = sections.strings(endian, data, strings).map_err(broken)?;
    for entry in entries {
        if entry.d_tag(endian) != elf::DT_NEEDED {
            continue;
        }
        let name = entry.string(endian, strings).map_err(broken)?;
        if cfg!(target_env = "gnu") && (name == b"libc.so" || name.starts_with(b"libc.musl-")) {
            return Err(format!(
                "it was built for musl (it needs {}), and this program uses the GNU C library; \
                 build it for a target such as {}-unknown-linux-gnu",
                name.escape_ascii(),
                std::env::consts::ARCH
            ));
        }
    }
    Ok(())
}
