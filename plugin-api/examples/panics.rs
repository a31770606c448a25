//! A plugin with a slip in it, for the loader's tests: `getinfo.panics now` panics.

use plugin_api::{Args, Context, Meta, Provider, ProviderError, Reply, export_provider};

struct Panics;

impl Provider for Panics {
    fn describe() -> Meta {
        Meta::new("getinfo.panics", "1.0.0", "panics when told to")
    }

    fn call(args: &Args, _ctx: &Context) -> Result<Reply, ProviderError> {
        assert!(args.is_empty(), "as told");
        Reply::json(&true)
    }
}

export_provider!(Panics);
