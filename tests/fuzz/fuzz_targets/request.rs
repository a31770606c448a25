//! The host's request → a plugin's arguments and context, as the plugin's end reads it.
#![no_main]

use plugin_api::{API_VERSION, Args};

#[path = "../../../plugin-api/src/context.rs"]
#[expect(dead_code, reason = "only the request is read")]
mod context;

libfuzzer_sys::fuzz_target!(|text: &str| {
    let Ok(request) = serde_json::from_str::<context::Request>(text) else { return };
    let written = serde_json::to_string(&request).expect("a request of ours serialises");
    let back: context::Request = serde_json::from_str(&written).expect("a request of ours is a request");
    assert_eq!((&back.args, &back.ctx), (&request.args, &request.ctx));
    if let Err(error) = Args::parse(&request.args) {
        assert_eq!(error.code(), "usage");
    }
});
