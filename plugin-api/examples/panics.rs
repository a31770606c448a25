//! A plugin with a bug, for the loader's tests: `getinfo.panics now` panics.

use plugin_api::{Args, Context, Meta, Provider, ProviderError, Reply, export_provider};

struct Panics;

impl Provider for Panics {
    fn describe() -> Meta {
        Meta::new("getinfo.panics", "1.0.0", "panics if it gets an argument")
    }

    fn call(args: &Args, _ctx: &Context) -> Result<Reply, ProviderError> {
        assert!(args.is_empty(), "got an argument");
        Reply::json(&true)
    }
}

export_provider!(Panics);
