//! Files that the loader refuses: by owner and mode, by kind, by their ELF headers.
#![expect(clippy::disallowed_methods, reason = "compiles libraries in C")]

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

use plugin_api::host;

use crate::folder::{Folder, set_mode};

#[test]
fn files_that_others_could_have_written_are_refused() {
    let Some(folder) = Folder::new("owner") else { return };
    let file = folder.example("greeting");
    for (mode, want) in [
        (0o775, "writable by others"),
        (0o757, "writable by others"),
        (0o666, "writable by others"),
        (0o4755, "set-uid"),
        (0o2755, "set-uid or set-gid"),
    ] {
        set_mode(&file, mode);
        let refusal = folder.refusal("getinfo.greeting");
        assert!(refusal.contains(want), "{mode:o}: {refusal}");
    }
    set_mode(&file, 0o644);
    folder.open("getinfo.greeting").unwrap();
    set_mode(folder.path(), 0o775);
    let refusal = folder.refusal("getinfo.greeting");
    assert!(
        refusal.contains(&format!("{} is writable by others", folder.path().display())),
        "{refusal}"
    );
    set_mode(folder.path(), 0o755);
}

#[test]
fn a_sticky_folder_of_root_is_accepted_above_the_plugin_folder_but_not_as_one() {
    let Some(folder) = Folder::new("sticky") else { return };
    if !nix::unistd::geteuid().is_root() {
        return eprintln!("SKIPPED (needs root): a sticky folder that belongs to root");
    }
    let file = folder.example("greeting");
    fs::create_dir(folder.file("own")).unwrap();
    set_mode(&folder.file("own"), 0o755);
    let inner = folder.file("own/libgetinfo_greeting.so");
    fs::copy(&file, &inner).unwrap();
    set_mode(folder.path(), 0o1777);
    assert!(folder.refusal("getinfo.greeting").contains("is writable by others"));
    host::check(&inner).unwrap();
    set_mode(folder.path(), 0o777);
    assert!(host::check(&inner).is_err(), "without the sticky bit anyone can swap the folder");
    set_mode(folder.path(), 0o755);
}

#[test]
fn links_and_special_files_are_refused() {
    let Some(folder) = Folder::new("links") else { return };
    let file = folder.example("greeting");
    symlink(&file, folder.file("libgetinfo_linked.so")).unwrap();
    fs::create_dir(folder.file("libgetinfo_folder.so")).unwrap();
    nix::unistd::mkfifo(&folder.file("libgetinfo_fifo.so"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    fs::create_dir(folder.file("real")).unwrap();
    set_mode(&folder.file("real"), 0o755);
    fs::copy(&file, folder.file("real/libgetinfo_greeting.so")).unwrap();
    symlink(folder.file("real"), folder.file("link")).unwrap();
    for (method, want) in [
        ("linked", "is a symbolic link"),
        ("folder", "not a regular file"),
        ("fifo", "not a regular file"),
    ] {
        let refusal = folder.refusal(&format!("getinfo.{method}"));
        assert!(refusal.contains(want), "{refusal}");
    }
    let through_link =
        host::check(&folder.file("link/libgetinfo_greeting.so")).unwrap_err().to_string();
    assert!(through_link.contains("link is a symbolic link"), "{through_link}");
    let dots = host::check(&folder.file("real/../libgetinfo_greeting.so")).unwrap_err().to_string();
    assert!(dots.contains("`..`"), "{dots}");
    host::check(&folder.file("real/libgetinfo_greeting.so")).unwrap();
}

#[test]
fn broken_libraries_are_refused_before_they_are_mapped() {
    let Some(folder) = Folder::new("elf") else { return };
    let whole = fs::read(folder.example("greeting")).unwrap();
    let file = folder.file("libgetinfo_broken.so");
    let write = |bytes: &[u8]| {
        fs::write(&file, bytes).unwrap();
        set_mode(&file, 0o644);
        folder.refusal("getinfo.broken")
    };
    // Lengths in steps: mapping a truncated library would end this process with SIGBUS.
    for len in (0..whole.len()).step_by(whole.len() / 97 + 1) {
        let refusal = write(&whole[..len]);
        assert!(refusal.contains("refused: it is"), "{len}: {refusal}");
    }
    let mut other = whole.clone();
    other[18] ^= 0x40;
    assert!(write(&other).contains("not a shared library for this machine"));
    assert!(write(&vec![0; 4096]).contains("not a valid shared library"));

    let run_path = folder.file("libgetinfo_broken.so");
    let source = folder.file("empty.c");
    fs::write(&source, "int getinfo_provider_v1;").unwrap();
    let cc = |args: &[&str]| {
        let _ = fs::remove_file(&run_path);
        let status = Command::new("cc")
            .args(["-shared", "-fPIC", "-o"])
            .arg(&run_path)
            .arg(&source)
            .args(args)
            .status();
        assert!(status.unwrap().success());
        set_mode(&run_path, 0o755);
        folder.refusal("getinfo.broken")
    };
    assert!(cc(&["-Wl,-rpath,/tmp"]).contains("its own library search path"));
    // The same with the type of its dynamic section (SHT_DYNAMIC, 6) changed: the linker reads
    // segments only.
    let mut disguised = fs::read(&run_path).unwrap();
    let sections = usize::from_le_bytes(disguised[40..48].try_into().unwrap());
    let kind = (sections + 4..disguised.len()).step_by(64).find(|at| disguised[*at] == 6).unwrap();
    disguised[kind] = 1;
    assert!(write(&disguised).contains("its own library search path"));
    fs::write(&source, "int nothing;").unwrap();
    assert!(cc(&[]).contains("exports no plugin entry"));
    fs::write(&source, "int getinfo_provider_v1, _1as_0lib_1header_0root_bmodule_bloader;")
        .unwrap();
    assert!(cc(&[]).contains("exports both a Rust and a C entry"));
}

#[test]
fn a_replaced_file_has_another_identity() {
    let Some(folder) = Folder::new("identity") else { return };
    let file = folder.example("greeting");
    let before = host::FileIdentity::of(&file).unwrap();
    assert_eq!(host::check(&file).unwrap().identity(), before);
    fs::rename(folder.example("panics"), &file).unwrap();
    assert_ne!(host::FileIdentity::of(&file).unwrap(), before);
}
