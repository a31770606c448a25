//! os-release(5): the distribution's description of itself, a file of shell assignments.

use std::path::Path;

use readers::{regular, utc};
use serde::Serialize;

/// The administrator's file comes first, then the distribution's own.
const FILES: [&str; 2] = ["etc/os-release", "usr/lib/os-release"];
/// The most bytes that are read of the file.
const MAX_BYTES: usize = 1 << 20;
/// The most assignments that are read; os-release(5) defines about thirty.
const MAX_FIELDS: usize = 200;

/// The `release` object of the answer: the fields of os-release(5); null if the file lacks them.
#[derive(Serialize, Default, Debug, PartialEq)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Release {
    /// The distribution in one lower-case word (`ID`), `debian`.
    pub(crate) id: Option<String>,
    /// The distributions it derives from (`ID_LIKE`), the closest first.
    pub(crate) id_like: Vec<String>,
    /// The name without a version (`NAME`), `Debian GNU/Linux`.
    pub(crate) name: Option<String>,
    /// Name and version for display (`PRETTY_NAME`).
    pub(crate) pretty_name: Option<String>,
    /// The version for display (`VERSION`), `12 (bookworm)`.
    pub(crate) version: Option<String>,
    /// The version for programs (`VERSION_ID`), `12`; null on rolling releases.
    pub(crate) version_id: Option<String>,
    /// The release's code name (`VERSION_CODENAME`, or Ubuntu's `UBUNTU_CODENAME`), `bookworm`.
    pub(crate) codename: Option<String>,
    /// The edition for display (`VARIANT`), `Server Edition`.
    pub(crate) variant: Option<String>,
    /// The edition for programs (`VARIANT_ID`), `server`.
    pub(crate) variant_id: Option<String>,
    /// The build of the image (`BUILD_ID`).
    pub(crate) build_id: Option<String>,
    /// The image this was installed from (`IMAGE_ID`).
    pub(crate) image_id: Option<String>,
    /// The version of that image (`IMAGE_VERSION`).
    pub(crate) image_version: Option<String>,
    /// The platform of modular distributions (`PLATFORM_ID`), `platform:el9`.
    pub(crate) platform_id: Option<String>,
    /// The name in vulnerability databases (`CPE_NAME`).
    pub(crate) cpe_name: Option<String>,
    /// The home page (`HOME_URL`).
    pub(crate) home_url: Option<String>,
    /// The documentation (`DOCUMENTATION_URL`).
    pub(crate) documentation_url: Option<String>,
    /// The support page (`SUPPORT_URL`).
    pub(crate) support_url: Option<String>,
    /// The page for bug reports (`BUG_REPORT_URL`).
    pub(crate) bug_report_url: Option<String>,
    /// The privacy policy (`PRIVACY_POLICY_URL`).
    pub(crate) privacy_policy_url: Option<String>,
    /// The last day of support (`SUPPORT_END`), `2028-06-30`; null if that is no date.
    pub(crate) support_end: Option<String>,
    /// The vendor of the distribution (`VENDOR_NAME`).
    pub(crate) vendor_name: Option<String>,
    /// The vendor's home page (`VENDOR_URL`).
    pub(crate) vendor_url: Option<String>,
    /// The host name if none is configured (`DEFAULT_HOSTNAME`).
    pub(crate) default_hostname: Option<String>,
    /// The architecture of the userland, in systemd's words (`ARCHITECTURE`), `x86-64`.
    pub(crate) architecture: Option<String>,
    /// The name of an icon (`LOGO`).
    pub(crate) logo: Option<String>,
    /// The color of the name on terminals (`ANSI_COLOR`).
    pub(crate) ansi_color: Option<String>,
    /// Other assignments, such as `REDHAT_SUPPORT_PRODUCT`, sorted by name.
    pub(crate) other: Vec<Other>,
}

/// An assignment that os-release(5) does not define.
#[derive(Serialize, Debug, PartialEq)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Other {
    /// The name in the file.
    pub(crate) name: String,
    /// The value without quotes.
    pub(crate) value: String,
}

/// Reads the file of the system whose root folder is `root`.
pub(crate) fn read(root: &Path) -> Option<Release> {
    let read = |path: &&str| regular::text(&root.join(path), MAX_BYTES).ok();
    FILES.iter().find_map(read).map(|text| parse(&text))
}

fn parse(text: &str) -> Release {
    let mut release = Release::default();
    let mut ubuntu_codename = None;
    for (name, value) in text.lines().filter_map(assignment).take(MAX_FIELDS) {
        let field = match name {
            "ID_LIKE" => {
                release.id_like = value.split_ascii_whitespace().map(str::to_owned).collect();
                continue;
            }
            "ID" => &mut release.id,
            "NAME" => &mut release.name,
            "PRETTY_NAME" => &mut release.pretty_name,
            "VERSION" => &mut release.version,
            "VERSION_ID" => &mut release.version_id,
            "VERSION_CODENAME" => &mut release.codename,
            "UBUNTU_CODENAME" => &mut ubuntu_codename,
            "VARIANT" => &mut release.variant,
            "VARIANT_ID" => &mut release.variant_id,
            "BUILD_ID" => &mut release.build_id,
            "IMAGE_ID" => &mut release.image_id,
            "IMAGE_VERSION" => &mut release.image_version,
            "PLATFORM_ID" => &mut release.platform_id,
            "CPE_NAME" => &mut release.cpe_name,
            "HOME_URL" => &mut release.home_url,
            "DOCUMENTATION_URL" => &mut release.documentation_url,
            "SUPPORT_URL" => &mut release.support_url,
            "BUG_REPORT_URL" => &mut release.bug_report_url,
            "PRIVACY_POLICY_URL" => &mut release.privacy_policy_url,
            "SUPPORT_END" => &mut release.support_end,
            "VENDOR_NAME" => &mut release.vendor_name,
            "VENDOR_URL" => &mut release.vendor_url,
            "DEFAULT_HOSTNAME" => &mut release.default_hostname,
            "ARCHITECTURE" => &mut release.architecture,
            "LOGO" => &mut release.logo,
            "ANSI_COLOR" => &mut release.ansi_color,
            _ => {
                let name = name.to_owned();
                // As in a shell, the last assignment counts.
                release.other.retain(|other| other.name != name);
                release.other.push(Other { name, value });
                continue;
            }
        };
        *field = Some(value).filter(|value| !value.is_empty());
    }
    release.support_end =
        release.support_end.filter(|day| day.len() == 10 && utc::begins_with_date(day));
    release.other.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    if release.codename.is_none() {
        release.codename = ubuntu_codename;
    }
    release
}

/// Parses `NAME=value` as a shell does, without expansion. `None` for a comment and for anything
/// else.
fn assignment(line: &str) -> Option<(&str, String)> {
    let (name, value) = line.trim().split_once('=')?;
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if name.is_empty()
        || name.starts_with(|c: char| c.is_ascii_digit())
        || !name.chars().all(is_word)
    {
        return None;
    }
    Some((name, unquote(value)))
}

/// Returns the first word of `text` without quotes and backslashes.
fn unquote(text: &str) -> String {
    let mut value = String::new();
    let mut chars = text.chars().peekable();
    let mut quote = None;
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '"' | '\'') => quote = Some(c),
            (None, c) if c.is_ascii_whitespace() || c == ';' => break,
            // In double quotes a backslash is literal unless one of these follows.
            (Some('"'), '\\') if !matches!(chars.peek(), Some('"' | '\\' | '$' | '`')) => {
                value.push('\\')
            }
            (None | Some('"'), '\\') => value.extend(chars.next()),
            (_, c) => value.push(c),
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Files of other distributions, and lines that no distribution has.
    const SAMPLES: [&str; 6] = [
        "NAME=\"Ubuntu\"\nVERSION_ID=\"22.04\"\nVERSION=\"22.04.4 LTS (Jammy Jellyfish)\"\nID=ubuntu\nID_LIKE=debian\n\
         UBUNTU_CODENAME=jammy\n",
        "NAME=\"Rocky Linux\"\nID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\nVERSION_ID=\"9.3\"\n\
         PLATFORM_ID=\"platform:el9\"\nANSI_COLOR=\"0;32\"\nREDHAT_SUPPORT_PRODUCT=\"Rocky Linux\"\n\
         CPE_NAME=\"cpe:/o:rocky:rocky:9::baseos\"\nSUPPORT_END=\"2032-05-31\"\n",
        "NAME=\"Alpine Linux\"\nID=alpine\nVERSION_ID=3.19.1\nPRETTY_NAME=\"Alpine Linux v3.19\"\n",
        "NAME=\"Arch Linux\"\nID=arch\nBUILD_ID=rolling\nLOGO=archlinux-logo\n",
        "# a comment\n\nID='single'\nNAME=\"a \\\"b\\\" \\$c \\\\ \\n\"\nVERSION=a\\ b\nVARIANT=''\nLOGO=x'y'\"z\"\n",
        "ID=first\nID=second\nX=1\nX=2\n",
    ];

    #[test]
    fn fields_are_found_under_their_names() {
        let ubuntu = parse(SAMPLES[0]);
        assert_eq!(
            (ubuntu.id.as_deref(), ubuntu.version_id.as_deref()),
            (Some("ubuntu"), Some("22.04"))
        );
        assert_eq!(
            (ubuntu.codename.as_deref(), ubuntu.id_like.as_slice()),
            (Some("jammy"), &["debian".to_owned()][..])
        );
        let rocky = parse(SAMPLES[1]);
        assert_eq!(rocky.id_like, ["rhel", "centos", "fedora"]);
        assert_eq!(
            (rocky.platform_id.as_deref(), rocky.support_end.as_deref()),
            (Some("platform:el9"), Some("2032-05-31"))
        );
        assert_eq!(rocky.other[0].name, "REDHAT_SUPPORT_PRODUCT");
        assert_eq!(parse(SAMPLES[3]).version_id, None);
        assert_eq!(parse(SAMPLES[4]).variant, None);
        assert_eq!(parse(SAMPLES[5]).other.len(), 1);
    }

    #[test]
    fn lines_that_are_not_assignments_are_skipped() {
        for text in ["", "ID", "=x", "1D=x", "I D=x", "export ID=x", "\u{fffd}=x", "#ID=x"] {
            assert_eq!(parse(text), Release::default(), "{text:?}");
        }
        for (day, want) in [("2099-13-45", None), ("2028-06-30", Some("2028-06-30"))] {
            assert_eq!(parse(&format!("SUPPORT_END={day}")).support_end.as_deref(), want);
        }
        assert_eq!(parse("ID=\"open").id.as_deref(), Some("open"));
        assert_eq!(parse("ID=end\\").id.as_deref(), Some("end"));
    }

    #[test]
    #[expect(
        clippy::disallowed_methods,
        reason = "a shell is the definition of what the file says"
    )]
    fn values_are_those_a_shell_finds() {
        for sample in SAMPLES {
            for (name, value) in sample.lines().filter_map(assignment) {
                let last = sample
                    .lines()
                    .filter_map(assignment)
                    .rfind(|(other, _)| *other == name)
                    .unwrap()
                    .1;
                let script = format!("{sample}\nprintf %s \"${{{name}}}\"");
                let shell =
                    std::process::Command::new("sh").args(["-c", &script]).output().unwrap();
                assert_eq!(
                    String::from_utf8_lossy(&shell.stdout),
                    last,
                    "{name} in {sample:?}: {value:?}"
                );
            }
        }
    }
}
