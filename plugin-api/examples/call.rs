//! The smallest host: `call DIR METHOD [ARGS]` loads one plugin from DIR and prints its reply, so
//! that authors can try their plugin. `call DIR METHOD ARGS N` makes N more calls and prints how
//! long each took.

use std::error::Error;
use std::io::Write as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use plugin_api::{Context, MethodName, host};

const DEADLINE: Duration = Duration::from_secs(60);
const MAX_REPLY: usize = 1 << 30;

fn main() -> Result<(), Box<dyn Error>> {
    let mut words = std::env::args().skip(1);
    let (Some(dir), Some(method)) = (words.next(), words.next()) else {
        return Err("usage: call DIR METHOD [ARGS [REPEAT]]".into());
    };
    let args = words.next().unwrap_or_default();
    let start = Instant::now();
    let provider = host::open(&[PathBuf::from(dir)], &MethodName::parse(&method)?)?;
    let loaded = start.elapsed();
    let context = Context::new(nix::unistd::Uid::effective().as_raw(), DEADLINE, MAX_REPLY);
    let reply = provider.call(&args, &context)?;
    let mut out = std::io::stdout().lock();
    out.write_all(reply.as_bytes())?;
    out.write_all(b"\n")?;
    if let Some(repeat) = words.next() {
        let repeat: u32 = repeat.parse()?;
        let start = Instant::now();
        for _ in 0..repeat {
            provider.call(&args, &context)?;
        }
        eprintln!("load {loaded:?}, call {:?}", start.elapsed() / repeat);
    }
    Ok(())
}
