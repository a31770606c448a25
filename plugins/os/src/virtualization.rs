//! Detects the virtual machine and the cloud. Sources are consulted in the order of
//! systemd-detect-virt(1): the processor counts most, then the firmware's tables.

use std::path::Path;

use readers::file;
use serde::Serialize;

/// The `virtualization` object of the answer.
#[derive(Serialize, Debug, PartialEq)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Virtualization {
    /// The hypervisor: `none`, `kvm`, `qemu` (emulated), `firecracker` (distinguished from `kvm`
    /// only with root), `vmware`, `hyperv`, `xen`, `virtualbox`, `parallels`, `bhyve`, `bochs`,
    /// `acrn`, `apple`, `powervm`, `zvm`, or `unknown` for a guest of an unidentified hypervisor.
    pub(crate) kind: &'static str,
    /// The cloud, by vendor names in the firmware: `aws`, `gcp`, `azure` and others; null if
    /// unknown.
    pub(crate) cloud: Option<&'static str>,
    /// The hypervisor's name in the processor (CPUID leaf 0x40000000), `KVMKVMKVM`.
    pub(crate) cpuid_vendor: Option<String>,
}

/// Names in CPUID, as in systemd's src/basic/virt.c.
const CPUID: [(&str, &str); 10] = [
    ("KVMKVMKVM", "kvm"),
    ("Linux KVM Hv", "kvm"),
    ("TCGTCGTCGTCG", "qemu"),
    ("VMwareVMware", "vmware"),
    ("Microsoft Hv", "hyperv"),
    ("XenVMMXenVMM", "xen"),
    ("bhyve bhyve ", "bhyve"),
    ("ACRNACRNACRN", "acrn"),
    (" lrpepyh  vr", "parallels"),
    ("VBoxVBoxVBox", "virtualbox"),
];

/// Prefixes of DMI texts that identify a hypervisor.
const DMI: [(&str, &str); 18] = [
    ("KVM", "kvm"),
    ("OpenStack", "kvm"),
    ("KubeVirt", "kvm"),
    ("Google Compute Engine", "kvm"),
    ("Amazon EC2", "kvm"),
    ("Firecracker", "firecracker"),
    ("QEMU", "qemu"),
    ("VMware", "vmware"),
    ("VMW", "vmware"),
    ("innotek GmbH", "virtualbox"),
    ("VirtualBox", "virtualbox"),
    ("Oracle Corporation", "virtualbox"),
    ("Xen", "xen"),
    ("Bochs", "bochs"),
    ("Parallels", "parallels"),
    ("BHYVE", "bhyve"),
    ("Hyper-V", "hyperv"),
    ("Apple Virtualization", "apple"),
];

/// Prefixes of DMI texts that identify a cloud. Azure's is the chassis asset tag, which Hyper-V
/// lacks elsewhere.
const CLOUDS: [(&str, &str); 16] = [
    ("Amazon EC2", "aws"),
    ("Google", "gcp"),
    ("7783-7084-3265-9085-8269-3286-77", "azure"),
    ("OracleCloud.com", "oracle"),
    ("DigitalOcean", "digitalocean"),
    ("Hetzner", "hetzner"),
    ("Alibaba Cloud", "alibaba"),
    ("Tencent Cloud", "tencent"),
    ("Huawei", "huawei"),
    ("Scaleway", "scaleway"),
    ("Vultr", "vultr"),
    ("Akamai", "linode"),
    ("Linode", "linode"),
    ("Exoscale", "exoscale"),
    ("UpCloud", "upcloud"),
    ("OpenStack", "openstack"),
];

/// The header that every ACPI table begins with (ACPI 6.5, 5.2.6).
const ACPI_HEADER_BYTES: usize = 36;

/// The facts that the decision is based on, apart from it so that tests can supply them.
#[derive(Default)]
struct Evidence {
    cpuid_vendor: Option<String>,
    /// The `hypervisor` flag of the processor, which every hypervisor sets unless it hides.
    hypervisor_flag: bool,
    dmi: Vec<String>,
    /// The vendor of the firmware's DSDT (ACPI); only root can read it.
    acpi_oem: Option<String>,
    /// /sys/hypervisor/type.
    sys_hypervisor: Option<String>,
    /// Xen's first domain, which runs on the hardware.
    is_xen_dom0: bool,
    /// /proc/device-tree: ARM and POWER.
    device_tree: Option<String>,
    /// /proc/sysinfo of s390.
    sysinfo: Option<String>,
}

/// Examines the system whose root folder is `root`, and this processor.
pub(crate) fn read(root: &Path) -> Virtualization {
    decide(Evidence::read(root))
}

impl Evidence {
    fn read(root: &Path) -> Self {
        let dmi = root.join("sys/class/dmi/id");
        // In systemd's order.
        let names = [
            "product_name",
            "sys_vendor",
            "board_vendor",
            "bios_vendor",
            "product_version",
            "chassis_asset_tag",
        ];
        let hypervisor_flag = has_hypervisor();
        Self {
            cpuid_vendor: hypervisor_flag.then(cpuid_vendor).flatten(),
            hypervisor_flag,
            dmi: names.iter().filter_map(|name| file::line(&dmi.join(name))).collect(),
            acpi_oem: file::bytes(&root.join("sys/firmware/acpi/tables/DSDT"), ACPI_HEADER_BYTES)
                .ok()
                .and_then(|table| acpi_oem(&table)),
            sys_hypervisor: file::line(&root.join("sys/hypervisor/type")),
            is_xen_dom0: file::text(&root.join("proc/xen/capabilities"))
                .is_some_and(|text| text.contains("control_d")),
            device_tree: device_tree(root),
            sysinfo: file::text(&root.join("proc/sysinfo")),
        }
    }
}

/// Returns the OEM id: six bytes of a table's header (ACPI 6.5, 5.2.6).
fn acpi_oem(table: &[u8]) -> Option<String> {
    Some(String::from_utf8_lossy(table.get(10..16)?).trim_end_matches(['\0', ' ']).to_owned())
}

/// Returns `hypervisor/compatible`, such as `linux,kvm`; else the machine's own, which is
/// `linux,dummy-virt` on QEMU.
fn device_tree(root: &Path) -> Option<String> {
    let tree = root.join("proc/device-tree");
    ["hypervisor/compatible", "compatible"].iter().find_map(|path| file::text(&tree.join(path)))
}

#[cfg(target_arch = "x86_64")]
fn cpuid_vendor() -> Option<String> {
    let leaf = raw_cpuid::native_cpuid::cpuid_count(0x4000_0000, 0);
    let bytes: Vec<u8> =
        [leaf.ebx, leaf.ecx, leaf.edx].iter().flat_map(|register| register.to_le_bytes()).collect();
    let name = String::from_utf8_lossy(&bytes).trim_end_matches('\0').to_owned();
    (!name.is_empty()).then_some(name)
}

/// Returns the `hypervisor` flag from CPUID leaf 1. /proc/cpuinfo has it too, but takes long to
/// read on large machines.
#[cfg(target_arch = "x86_64")]
fn has_hypervisor() -> bool {
    raw_cpuid::native_cpuid::cpuid_count(1, 0).ecx >> 31 == 1
}

#[cfg(not(target_arch = "x86_64"))]
fn has_hypervisor() -> bool {
    false
}

#[cfg(not(target_arch = "x86_64"))]
fn cpuid_vendor() -> Option<String> {
    None
}

fn decide(evidence: Evidence) -> Virtualization {
    let cloud = evidence.dmi.iter().find_map(|text| by_beginning(&CLOUDS, text));
    Virtualization { kind: kind(&evidence), cloud, cpuid_vendor: evidence.cpuid_vendor }
}

fn kind(evidence: &Evidence) -> &'static str {
    if evidence.is_xen_dom0 {
        return "none";
    }
    let cpuid = evidence.cpuid_vendor.as_deref().and_then(|vendor| by_beginning(&CPUID, vendor));
    // Bare-metal machines of clouds have the vendor names too: on x86 the flag decides.
    let may_be_guest = evidence.hypervisor_flag || !cfg!(target_arch = "x86_64");
    let dmi =
        evidence.dmi.iter().filter(|_| may_be_guest).find_map(|text| by_beginning(&DMI, text));
    let named = match (cpuid, dmi) {
        // These use KVM's or another hypervisor's interface but are what the machine is.
        (_, Some(kind @ ("virtualbox" | "xen" | "parallels"))) => Some(kind),
        (cpuid, dmi) => cpuid.or(dmi),
    };
    match named.or_else(|| other_architecture(evidence)) {
        None | Some("kvm") if evidence.acpi_oem.as_deref() == Some("FIRECK") => "firecracker",
        Some(kind) => kind,
        None if evidence.sys_hypervisor.as_deref() == Some("xen") => "xen",
        None if evidence.sys_hypervisor.is_some() || evidence.hypervisor_flag => "unknown",
        None => "none",
    }
}

/// Decides on architectures without CPUID.
fn other_architecture(evidence: &Evidence) -> Option<&'static str> {
    let tree = evidence.device_tree.as_deref().unwrap_or_default();
    let sysinfo = evidence.sysinfo.as_deref().unwrap_or_default();
    let found = |text: &str, table: &[(&str, &'static str)]| {
        table.iter().find(|(part, _)| text.contains(part)).map(|(_, kind)| *kind)
    };
    let trees = [
        ("linux,kvm", "kvm"),
        ("xen", "xen"),
        ("vmware", "vmware"),
        ("linux,dummy-virt", "qemu"),
        ("qemu,pseries", "qemu"),
    ];
    found(tree, &trees).or_else(|| found(sysinfo, &[("z/VM", "zvm"), ("KVM/Linux", "kvm")]))
}

fn by_beginning(table: &[(&str, &'static str)], text: &str) -> Option<&'static str> {
    table
        .iter()
        .find(|(beginning, _)| text.starts_with(beginning.trim_end()))
        .map(|(_, kind)| *kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hypervisors_are_distinguished() {
        let flag = true;
        for (cpuid, flag, dmi, acpi, kind, cloud) in [
            ("", false, "", "", "none", None),
            ("", false, "Dell Inc.", "DELL", "none", None),
            ("", false, "Amazon EC2", "AMAZON", "none", Some("aws")),
            ("KVMKVMKVM", flag, "Amazon EC2", "AMAZON", "kvm", Some("aws")),
            ("KVMKVMKVM", flag, "Google", "Google", "kvm", Some("gcp")),
            ("KVMKVMKVM", flag, "QEMU", "BOCHS", "kvm", None),
            ("KVMKVMKVM", flag, "", "FIRECK", "firecracker", None),
            ("KVMKVMKVM", flag, "", "", "kvm", None),
            ("KVMKVMKVM", flag, "Hetzner", "", "kvm", Some("hetzner")),
            ("KVMKVMKVM", flag, "VirtualBox", "VBOX", "virtualbox", None),
            ("TCGTCGTCGTCG", flag, "QEMU", "BOCHS", "qemu", None),
            ("VMwareVMware", flag, "VMware, Inc.", "", "vmware", None),
            ("Microsoft Hv", flag, "7783-7084-3265-9085-8269-3286-77", "", "hyperv", Some("azure")),
            ("Microsoft Hv", flag, "Microsoft Corporation", "", "hyperv", None),
            ("XenVMMXenVMM", flag, "HVM domU", "", "xen", None),
            ("bhyve bhyve", flag, "BHYVE", "", "bhyve", None),
            ("Strange", flag, "", "", "unknown", None),
            ("", flag, "QEMU", "", "qemu", None),
        ] {
            let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
            let found = decide(Evidence {
                cpuid_vendor: text(cpuid),
                hypervisor_flag: flag,
                dmi: text(dmi).into_iter().collect(),
                acpi_oem: text(acpi),
                ..Evidence::default()
            });
            assert_eq!((found.kind, found.cloud), (kind, cloud), "{cpuid} {flag} {dmi} {acpi}");
        }
    }

    #[test]
    fn other_architectures_are_read_from_their_trees() {
        for (tree, sysinfo, kind) in [
            ("linux,kvm\0", "", "kvm"),
            ("linux,dummy-virt\0", "", "qemu"),
            ("xen,xen-4.17\0xen,xen\0", "", "xen"),
            ("raspberrypi,4-model-b\0brcm,bcm2711\0", "", "none"),
            ("", "VM00 Control Program: z/VM    6.4.0", "zvm"),
        ] {
            let evidence = Evidence {
                device_tree: Some(tree.to_owned()),
                sysinfo: Some(sysinfo.to_owned()),
                ..Evidence::default()
            };
            assert_eq!(decide(evidence).kind, kind, "{tree:?} {sysinfo:?}");
        }
    }

    #[test]
    fn xens_first_domain_runs_on_the_hardware() {
        let xen = |is_xen_dom0| Evidence {
            is_xen_dom0,
            sys_hypervisor: Some("xen".to_owned()),
            ..Evidence::default()
        };
        assert_eq!((decide(xen(true)).kind, decide(xen(false)).kind), ("none", "xen"));
    }

    #[test]
    fn a_short_table_has_no_oem() {
        assert_eq!(acpi_oem(b"DSDTS\x0f\0\0\x02wFIRECKFCVMDSDT").as_deref(), Some("FIRECK"));
        assert_eq!(acpi_oem(b"DSDTS\x0f\0\0\x02wOEM   "), Some("OEM".to_owned()));
        assert_eq!(acpi_oem(b"DSDT"), None);
    }
}
