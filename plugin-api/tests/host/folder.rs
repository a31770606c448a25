//! A plugin folder that the loader accepts, and the plugins that the tests put there.
#![expect(clippy::disallowed_methods, reason = "compiles plugins in C")]
#![expect(clippy::unwrap_used, reason = "helpers of tests, outside of test functions")]

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use plugin_api::host::{self, HostError, LoadedProvider};
use plugin_api::{Context, MethodName};
use test_support::Scratch;

/// A folder that the loader accepts, removed at the end.
pub(crate) struct Folder(Scratch);

impl Folder {
    pub(crate) fn new(name: &str) -> Option<Self> {
        Scratch::where_accepted(name, |dir| host::check_folder(dir).is_ok()).map(Self)
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.0.file(name)
    }

    /// Copies an example plugin into the folder.
    pub(crate) fn example(&self, name: &str) -> PathBuf {
        let file = format!("libgetinfo_{name}.so");
        let examples =
            std::env::current_exe().unwrap().ancestors().nth(2).unwrap().join("examples");
        let copy = self.file(&file);
        fs::copy(examples.join(&file), &copy)
            .expect("the example plugins are built: run cargo test without --test");
        set_mode(&copy, 0o755);
        copy
    }

    /// Compiles a plugin in C from the bodies of its two functions.
    pub(crate) fn c_plugin(
        &self,
        name: &str,
        describe: &str,
        call: &str,
        version: &str,
    ) -> PathBuf {
        let source = self.file(&format!("{name}.c"));
        let code = format!(
            r#"#include "getinfo_provider.h"
               #include <string.h>
               __attribute__((unused)) static int say(getinfo_emit emit, void *sink, const char *text) {{ return emit(sink, text, strlen(text)); }}
               static int describe(getinfo_emit emit, void *sink) {{ {describe} }}
               static int call(const char *request, size_t len, getinfo_emit emit, void *sink) {{ (void)request; (void)len; {call} }}
               GETINFO_PROVIDER_EXPORT const struct getinfo_provider_v1 getinfo_provider_v1 =
                   {{ sizeof(struct getinfo_provider_v1), {version}, GETINFO_ABI_MINOR, 0, describe, call }};"#
        );
        fs::write(&source, code).unwrap();
        let library = self.file(&format!("libgetinfo_{name}.so"));
        let include = Path::new(env!("CARGO_MANIFEST_DIR")).join("include");
        let cc = Command::new("cc")
            .args(["-shared", "-fPIC", "-Wall", "-Werror", "-I"])
            .arg(include)
            .arg("-o")
            .arg(&library)
            .arg(&source)
            .status();
        assert!(cc.unwrap().success());
        set_mode(&library, 0o755);
        library
    }

    pub(crate) fn open(&self, method: &str) -> Result<LoadedProvider, HostError> {
        host::open(
            std::slice::from_ref(&self.path().to_owned()),
            &MethodName::parse(method).unwrap(),
        )
    }

    pub(crate) fn refusal(&self, method: &str) -> String {
        self.open(method).unwrap_err().to_string()
    }
}

pub(crate) fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

fn context() -> Context {
    Context::new(0, Duration::from_secs(5), 4096)
}

pub(crate) fn call(provider: &LoadedProvider, args: &str) -> Result<String, String> {
    provider.call(args, &context()).map(String::from).map_err(|err| err.to_string())
}
