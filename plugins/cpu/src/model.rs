//! The model of the processor: the first entry of /proc/cpuinfo, whose fields differ by
//! architecture.

/// The bytes that are read: enough for the first processor. The file grows with the processors and
/// is slow to generate.
pub(crate) const CPUINFO_BYTES: usize = 8192;

/// The model of the first processor.
#[derive(Default, Debug)]
pub(crate) struct Model {
    pub(crate) vendor: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) family: Option<String>,
    pub(crate) number: Option<String>,
    pub(crate) stepping: Option<String>,
    pub(crate) microcode: Option<String>,
    pub(crate) flags: Vec<String>,
    pub(crate) bugs: Vec<String>,
    pub(crate) current_hz: Option<u64>,
}

/// ARM's implementer codes (MIDR_EL1), as lscpu(1) names them.
const IMPLEMENTERS: [(&str, &str); 11] = [
    ("0x41", "ARM"),
    ("0x42", "Broadcom"),
    ("0x43", "Cavium"),
    ("0x46", "Fujitsu"),
    ("0x48", "HiSilicon"),
    ("0x4e", "NVIDIA"),
    ("0x50", "APM"),
    ("0x51", "Qualcomm"),
    ("0x53", "Samsung"),
    ("0x61", "Apple"),
    ("0xc0", "Ampere"),
];

/// ARM's own parts that servers and boards use.
const ARM_PARTS: [(&str, &str); 10] = [
    ("0xd03", "Cortex-A53"),
    ("0xd05", "Cortex-A55"),
    ("0xd07", "Cortex-A57"),
    ("0xd08", "Cortex-A72"),
    ("0xd0b", "Cortex-A76"),
    ("0xd0c", "Neoverse-N1"),
    ("0xd40", "Neoverse-V1"),
    ("0xd49", "Neoverse-N2"),
    ("0xd4f", "Neoverse-V2"),
    ("0xd8e", "Neoverse-N3"),
];

/// Parses /proc/cpuinfo. The first value of a field counts; later ones belong to other processors.
pub(crate) fn parse(cpuinfo: &str) -> Model {
    let mut model = Model::default();
    let mut implementer = None;
    for line in cpuinfo.lines() {
        let Some((name, value)) = line.split_once(':') else { continue };
        let value = value.trim();
        let words = || value.split_ascii_whitespace().map(str::to_owned).collect();
        let field = match name.trim() {
            "flags" | "Features" | "features" if model.flags.is_empty() => {
                model.flags = words();
                continue;
            }
            "bugs" if model.bugs.is_empty() => {
                model.bugs = words();
                continue;
            }
            "cpu MHz" | "CPU MHz" | "clock" if model.current_hz.is_none() => {
                model.current_hz = hertz(value.trim_end_matches("MHz"));
                continue;
            }
            "vendor_id" => &mut model.vendor,
            "model name" | "Model Name" | "cpu" | "uarch" | "cpu model" => &mut model.name,
            "cpu family" | "CPU Family" | "CPU architecture" => &mut model.family,
            "model" | "CPU part" => &mut model.number,
            "stepping" | "CPU revision" | "CPU Revision" => &mut model.stepping,
            "microcode" => &mut model.microcode,
            "CPU implementer" => &mut implementer,
            _ => continue,
        };
        if field.is_none() && !value.is_empty() {
            *field = Some(value.to_owned());
        }
    }
    model.vendor = model.vendor.or_else(|| named(&IMPLEMENTERS, implementer.as_deref()));
    if model.name.is_none() && implementer.as_deref() == Some("0x41") {
        model.name = named(&ARM_PARTS, model.number.as_deref());
    }
    model
}

fn named(table: &[(&str, &str)], code: Option<&str>) -> Option<String> {
    table.iter().find(|(known, _)| Some(*known) == code).map(|(_, name)| (*name).to_owned())
}

/// Converts megahertz with three decimals, as the kernel writes them.
fn hertz(megahertz: &str) -> Option<u64> {
    let (whole, decimals) = megahertz.split_once('.').unwrap_or((megahertz, ""));
    let thousandths: u64 = format!("{decimals:0<3}").get(..3)?.parse().ok()?;
    whole.trim().parse::<u64>().ok()?.checked_mul(1_000_000)?.checked_add(thousandths * 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processors_of_each_architecture_are_known() {
        let intel = parse(
            "processor\t: 0\nvendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: 85\nmodel name\t: Intel(R) Xeon(R) \
             CPU @ 2.00GHz\nstepping\t: 3\nmicrocode\t: 0x1\ncpu MHz\t: 2000.178\nflags\t: fpu vme de\nbugs\t\t: mds \
             swapgs\n\nprocessor\t: 1\nmodel name\t: other\n",
        );
        assert_eq!(intel.name.as_deref(), Some("Intel(R) Xeon(R) CPU @ 2.00GHz"));
        assert_eq!((intel.number.as_deref(), intel.current_hz), (Some("85"), Some(2_000_178_000)));
        assert_eq!((intel.flags.len(), intel.bugs.len()), (3, 2));
        let arm = parse(
            "processor\t: 0\nBogoMIPS\t: 243.75\nFeatures\t: fp asimd\nCPU implementer\t: 0x41\nCPU architecture: 8\n\
             CPU variant\t: 0x3\nCPU part\t: 0xd0c\nCPU revision\t: 1\n",
        );
        assert_eq!(
            (arm.vendor.as_deref(), arm.name.as_deref()),
            (Some("ARM"), Some("Neoverse-N1"))
        );
        assert_eq!(
            (arm.flags, arm.stepping.as_deref()),
            (vec!["fp".to_owned(), "asimd".to_owned()], Some("1"))
        );
        let power =
            parse("processor\t: 0\ncpu\t\t: POWER9 (architected)\nclock\t\t: 3000.000000MHz\n");
        assert_eq!(power.name.as_deref(), Some("POWER9 (architected)"));
        assert_eq!(power.current_hz, Some(3_000_000_000));
        let riscv =
            parse("processor\t: 0\nisa\t\t: rv64imafdc\nmmu\t\t: sv39\nuarch\t\t: sifive,u74-mc\n");
        assert_eq!(riscv.name.as_deref(), Some("sifive,u74-mc"));
        let loongarch = parse(
            "system type\t\t: generic-loongson-machine\n\nprocessor\t\t: 0\nCPU Family\t\t: Loongson-64bit\n\
             Model Name\t\t: Loongson-3A5000\nCPU Revision\t\t: 0x11\nCPU MHz\t\t\t: 2500.00\n\
             Features\t\t: cpucfg lam ual fpu lsx\n",
        );
        assert_eq!(
            (loongarch.name.as_deref(), loongarch.family.as_deref(), loongarch.stepping.as_deref()),
            (Some("Loongson-3A5000"), Some("Loongson-64bit"), Some("0x11"))
        );
        assert_eq!((loongarch.flags.len(), loongarch.current_hz), (5, Some(2_500_000_000)));
        for text in [
            "",
            "\n:\n",
            "model name",
            "cpu MHz: x.y",
            "cpu MHz: 99999999999999999999.0",
            "cpu MHz: 1.\u{fffd}x",
        ] {
            let model = parse(text);
            assert!(model.name.is_none() && model.current_hz.is_none(), "{text:?}");
        }
    }
}
