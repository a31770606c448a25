//! For the tests of plugins (feature `testing`): loads the built library as a host does, and
//! compares the schema with the types that it describes.

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "tests run cargo and print which tests they skip"
)]

use std::any::type_name;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use schemars::generate::SchemaSettings;
use schemars::transform::RecursiveTransform;
use schemars::{JsonSchema, Schema};
use serde::Serialize as _;
use serde_json::Value;
use serde_json::ser::{PrettyFormatter, Serializer};

use crate::host::{self, HostError, LoadedProvider};
use crate::{Context, MethodName, ProviderError};

/// The environment variable that makes [`assert_schema`] write the file instead of comparing it.
pub const UPDATE: &str = "UPDATE_SCHEMA";

/// Builds `package`, a `cdylib` of the same workspace, and loads it from a copy that only root and
/// this user can write. If there is no place for such a copy, prints that and returns `None`.
///
/// # Panics
/// If the package does not build or the loader refuses its library; with the loader's message.
#[must_use]
pub fn load(package: &str) -> Option<LoadedProvider> {
    let target = target();
    let built = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["build", "--quiet", "--package", package, "--target-dir"])
        .arg(&target)
        .status();
    assert!(built.is_ok_and(|status| status.success()), "cannot build {package}");
    let library = format!("lib{}.so", package.replace('-', "_"));
    let method = MethodName::parse(&package.replace('-', "."))
        .expect("a package is named like its method, getinfo-NAME");
    let home = std::env::var_os("HOME").map(PathBuf::from);
    for place in [Some(target.clone()), home].into_iter().flatten() {
        let dir = place.join(format!(
            ".{package}-{}-{:?}",
            std::process::id(),
            std::thread::current().id()
        ));
        let made = fs::create_dir_all(&dir)
            .and_then(|()| fs::set_permissions(&dir, Permissions::from_mode(0o755)));
        let provider = (made.is_ok() && host::check_folder(&dir).is_ok()).then(|| {
            let copy = dir.join(&library);
            fs::copy(target.join("debug").join(&library), &copy)
                .expect("the library can be copied");
            fs::set_permissions(&copy, Permissions::from_mode(0o755))
                .expect("the copy belongs to this user");
            host::open(std::slice::from_ref(&dir), &method)
        });
        let _ = fs::remove_dir_all(&dir);
        if let Some(provider) = provider {
            return Some(provider.unwrap_or_else(|error| panic!("{}: {error}", library)));
        }
    }
    println!("SKIPPED (needs a folder that only root or this user can write)");
    None
}

/// Returns cargo's target folder, which holds this test in `debug/deps`.
fn target() -> PathBuf {
    let test = std::env::current_exe().expect("a test knows its own path");
    test.ancestors().nth(3).expect("a test lies in target/debug/deps").to_owned()
}

/// Makes one call as the host does, for this process's user, with a deadline of one minute and a
/// limit of 1 GiB.
///
/// # Errors
/// The provider's own error.
///
/// # Panics
/// If the plugin breaks the interface.
pub fn call(provider: &LoadedProvider, args: &str) -> Result<Value, ProviderError> {
    let context = Context::new(nix::unistd::geteuid().as_raw(), Duration::from_secs(60), 1 << 30);
    match provider.call(args, &context) {
        Ok(text) => {
            Ok(serde_json::from_str(&text).expect("the host checked that the reply is JSON"))
        }
        Err(HostError::Provider(error)) => Err(error),
        Err(error) => panic!("{error}"),
    }
}

/// Compares `file`, the schema in the plugin's description, with the schema of `T`, the type of its
/// reply. Every field must be documented; the schema allows no other fields
/// (`additionalProperties`). With [`UPDATE`] in the environment, rewrites the file instead.
///
/// # Panics
/// If the two differ, or a field lacks its documentation.
pub fn assert_schema<T: JsonSchema>(file: impl AsRef<Path>) {
    let file = file.as_ref();
    let settings = SchemaSettings::draft2020_12().for_serialize().with(|settings| {
        settings.meta_schema = None;
        settings.inline_subschemas = true;
    });
    let settings = settings.with_transform(RecursiveTransform(close));
    let schema = settings.into_generator().into_root_schema_for::<T>().to_value();
    undocumented(&schema, type_name::<T>());
    let text = lines(&schema);
    if std::env::var_os(UPDATE).is_some() {
        fs::write(file, text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        return;
    }
    let stored = fs::read_to_string(file).unwrap_or_default();
    assert!(
        stored == text,
        "{} does not match {}: run this test with {UPDATE}=1 and review the changes",
        file.display(),
        type_name::<T>()
    );
}

/// Writes the test that the `schema.json` beside a plugin's Cargo.toml is the schema of `$reply`,
/// as [`assert_schema`](crate::testing::assert_schema) compares them.
#[macro_export]
macro_rules! schema_test {
    ($reply:ty) => {
        #[test]
        fn the_schema_matches_the_reply() {
            $crate::testing::assert_schema::<$reply>(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/schema.json"
            ));
        }
    };
}
pub use schema_test;

/// Formats a schema with one line per field, so that changes are readable, and without indentation,
/// because the text is part of every plugin.
fn lines(schema: &Value) -> String {
    let mut text = Vec::new();
    let mut writer = Serializer::with_formatter(&mut text, PrettyFormatter::with_indent(b""));
    schema.serialize(&mut writer).expect("a schema is JSON");
    String::from_utf8(text).expect("JSON is UTF-8") + "\n"
}

/// Allows an object only the fields that it names, and removes keywords that restrict no values.
fn close(schema: &mut Schema) {
    schema.remove("format");
    schema.remove("title");
    if schema.get("properties").is_some() && schema.get("additionalProperties").is_none() {
        schema.insert("additionalProperties".to_owned(), Value::Bool(false));
    }
}

fn undocumented(schema: &Value, at: &str) {
    if let Some(fields) = schema.get("properties").and_then(Value::as_object) {
        for (name, field) in fields {
            assert!(field.get("description").is_some(), "{at}: field {name} is not documented");
        }
    }
    match schema {
        Value::Object(entries) => {
            entries.iter().for_each(|(key, value)| undocumented(value, &format!("{at}/{key}")))
        }
        Value::Array(items) => items.iter().for_each(|value| undocumented(value, at)),
        _ => {}
    }
}
