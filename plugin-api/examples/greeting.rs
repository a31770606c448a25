//! A complete plugin: `getinfo.greeting NAME`, built as `libgetinfo_greeting.so`.

use plugin_api::{Args, Context, Meta, Provider, ProviderError, Reply, export_provider};

struct Greeting;

impl Provider for Greeting {
    fn describe() -> Meta {
        Meta::new("getinfo.greeting", "1.0.0", "says hello").arg("NAME", "the name to greet")
    }

    fn call(args: &Args, _ctx: &Context) -> Result<Reply, ProviderError> {
        let name = args.words().next().ok_or_else(|| ProviderError::usage("NAME is required"))?;
        Reply::json(&format!("hello, {name}"))
    }
}

export_provider!(Greeting);
