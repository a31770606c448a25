//! `getinfo.certificates`: the X.509 certificates in files and folders, and when they expire.
//!
//! Nothing is run and nothing is verified. Root is needed only for folders that only root can read.
//! Private keys in the same files are not looked at.

mod answer;
mod certificate;
mod content;
mod files;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
mod name;
mod pem;
mod pkcs7;
mod time;
mod tlv;

use std::io;
use std::path::PathBuf;

use plugin_api::{
    Args, Context, Meta, Opt, Options, Provider, ProviderError, Reply, export_provider,
};

use answer::Search;
use readers::patience::{self, Watch};

struct Certificates;

/// A call's arguments.
#[derive(Default)]
struct Selection {
    /// Days from now within which a certificate expires.
    within: Option<u32>,
    paths: Vec<PathBuf>,
}

const OPTIONS: Options<Selection> = Options::new(&[
    Opt::value(
        "-e DAYS",
        "only certificates that have expired or expire within DAYS days",
        |chosen, value| {
            chosen.within = Some(value.number(0..=u32::MAX)?);
            Ok(())
        },
    ),
    Opt::words(
        "PATH",
        "search these files and folders instead of /etc/ssl, /etc/pki and /etc/letsencrypt/live",
        |chosen, value| {
            chosen.paths.push(value.absolute_path()?.to_owned());
            Ok(())
        },
    ),
]);

impl Provider for Certificates {
    fn describe() -> Meta {
        Meta::new(
            "getinfo.certificates",
            env!("CARGO_PKG_VERSION"),
            "X.509 certificates in files, and when they expire",
        )
        .options(&OPTIONS)
        .output_schema(include_str!("../schema.json"))
        .example("-e 30", "certificates that expire within 30 days")
        .example("/etc/ssl/certs", "the certificates below a folder")
    }

    fn call(args: &Args, ctx: &Context) -> Result<Reply, ProviderError> {
        let Selection { within, paths } = OPTIONS.parse(args)?;
        let search = Search { paths, within: within.map(i64::from), max_reply: ctx.max_reply };
        let answer = patience::run(ctx.deadline_ms, move |watch: &Watch| search.run(watch));
        let unreadable = |error: io::Error| ProviderError::new("unreadable", error.to_string());
        Reply::json(&answer.map_err(unreadable)??)
    }
}

export_provider!(Certificates);

#[cfg(test)]
mod tests {
    use super::*;
    use certificate::Certificate;

    plugin_api::testing::schema_test!(answer::Answer);

    /// Real certificates, where this machine has any, truncated and changed everywhere.
    #[test]
    fn damaged_certificates_are_rejected_without_a_panic() {
        let text =
            std::fs::read_to_string("/etc/ssl/certs/ca-certificates.crt").unwrap_or_default();
        for der in content::of_text(text.as_bytes()).into_iter().flatten().step_by(7) {
            assert!(Certificate::parse(&der).is_some());
            for end in 0..der.len() {
                assert_eq!(Certificate::parse(&der[..end]), None);
            }
            let mut changed = der.clone();
            for (index, byte) in der.iter().enumerate() {
                for value in [0, 0x7f, 0x80, 0x84, 0xff, byte ^ 1] {
                    changed[index] = value;
                    let _ = Certificate::parse(&changed);
                }
                changed[index] = *byte;
            }
        }
    }
}
