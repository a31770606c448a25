//! Pages that are left open: each holds one stream, and no more memory after thousands of events than
//! after the first ones. `BROWSER_EVENTS` sets how many; `make test` drives a few hundred.

#![expect(clippy::print_stdout, reason = "it tells what was measured")]

use browser::{Browser, Console, browser};
use serde_json::json;
use std::sync::atomic::{AtomicBool, Ordering};
use test_support::{Scratch, wait_until};

/// Makes the page's clock run a thousand times as fast, so that it looks again as soon as it may,
/// and counts its looks and streams.
const FAST: &str = "
    window.streams = [];
    window.looks = 0;
    const Real = EventSource, get = fetch, later = setTimeout, now = Date.now.bind(Date), begun = now();
    window.EventSource = class extends Real {
        constructor(...given) { super(...given); streams.push(new WeakRef(this)); }
    };
    window.fetch = async (...given) => { const got = await get(...given); looks += 1; return got; };
    window.setTimeout = (act, time, ...rest) => later(act, time / 1000, ...rest);
    Date.now = () => begun + (now() - begun) * 1000;";

/// The open streams of the page.
const STREAMS: &str = "return streams.filter((it) => it.deref()?.readyState < 2).length";

/// Events that the page hears in one go.
const CHUNK: usize = 50;

/// Bytes that the page's heap may differ by, with what the engine keeps for itself.
const SLACK: f64 = (2 << 20) as f64;

/// Nodes that it may have more of.
const NODES: f64 = 50.0;

/// The most looks for a moment in which no other page is being read.
const LOOKS: usize = 20;

/// The memory, nodes and listeners of a page after a collection of garbage.
#[derive(Debug)]
struct Held {
    heap: f64,
    nodes: f64,
    listeners: f64,
}

fn held(browser: &Browser) -> Held {
    browser.cdp("Performance.enable", &json!({}));
    // Garbage of the first round may hold garbage that the second one finds.
    for _ in 0..2 {
        browser.cdp("HeapProfiler.collectGarbage", &json!({}));
    }
    let told = browser.cdp("Performance.getMetrics", &json!({}));
    let metric = |name: &str| {
        let all = told["metrics"].as_array().expect("metrics");
        let one = all.iter().find(|it| it["name"] == name).expect("a metric");
        one["value"].as_f64().expect("a number")
    };
    Held {
        heap: metric("JSHeapUsedSize"),
        nodes: metric("Nodes"),
        listeners: metric("JSEventListeners"),
    }
}

/// Lets the page hear of changes, and look again for each.
fn hear(browser: &Browser, events: usize, kind: &str) {
    for _ in 0..events.div_ceil(CHUNK) {
        browser.run_until_done(&format!(
            "const done = arguments[arguments.length - 1], goal = looks + {CHUNK};
             const source = streams.map((it) => it.deref()).find((it) => it?.readyState === 1);
             const tell = () => {{
                 if (looks >= goal) return done(looks);
                 source.dispatchEvent(new MessageEvent('changed', {{data: '{{\"kinds\":[\"{kind}\"]}}'}}));
                 setTimeout(tell, 0);
             }};
             tell();"
        ));
    }
}

/// Checks that an open page holds no more after all events than after the first tenth.
fn holds_still(browser: &Browser, kind: &str) {
    let events: usize =
        std::env::var("BROWSER_EVENTS").ok().and_then(|it| it.parse().ok()).unwrap_or(300);
    browser.wait_until("a stream", "return streams.some((it) => it.deref()?.readyState === 1)");
    hear(browser, events / 10, kind);
    let first = held(browser);
    hear(browser, events - events / 10, kind);
    let mut last = held(browser);
    // A page that is being read in this moment counts too, and is gone in the next.
    for _ in 0..LOOKS {
        if last.nodes <= first.nodes + NODES {
            break;
        }
        last = held(browser);
    }
    let page = browser.address();
    println!("{page} after {events} events: {first:?}, then {last:?}");
    assert!(last.nodes <= first.nodes + NODES, "{page}: {first:?}, then {last:?}");
    assert!(last.listeners <= first.listeners, "{page}: {first:?}, then {last:?}");
    assert!(last.heap <= first.heap + SLACK, "{page}: {first:?}, then {last:?}");
    assert_eq!(browser.run(STREAMS), 1, "{page}");
}

#[test]
fn a_page_that_is_left_open_holds_one_stream_and_no_growing_memory() {
    let Some(browser) = browser("open pages") else { return };
    let console = Console::start();
    let (host, _agent) = console.agent();
    let (other, _other) = console.agent();
    console.log_in(&browser);
    browser.cdp("Page.addScriptToEvaluateOnNewDocument", &json!({"source": FAST}));
    let over = AtomicBool::new(false);
    std::thread::scope(|threads| {
        // Real changes come all the while.
        let beats = threads.spawn(|| {
            let mut beats = 0_u32;
            while !over.load(Ordering::Relaxed) {
                beats += 1;
                let labels = json!({"set": {"beat": beats.to_string()}, "remove": []});
                console.api("PUT", &format!("hosts/{other}/labels"), Some(&labels));
            }
            beats
        });
        // Whatever fails below, the thread ends.
        let looked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            browser.go(&console.url("/hosts"));
            browser.wait_for_text(&host);
            holds_still(&browser, "hosts");
        }));
        over.store(true, Ordering::Relaxed);
        let beats = beats.join().expect("it sets labels");
        if let Err(panic) = looked {
            std::panic::resume_unwind(panic);
        }
        browser.wait_for_text(&format!("beat={beats}"));
    });
    let scratch = Scratch::new("gate");
    let gate = scratch.file("open");
    let wait = format!("until [ -e {} ]; do sleep 0.1; done", gate.display());
    let command = format!("seq 30000; {wait}; echo the end");
    let request = json!({"method": "async.bash", "cmd": command, "max_output": 1 << 20});
    let run =
        console.api("POST", "runs", Some(&json!({"request": request, "hosts": [host, other]})));
    let run = format!("/runs/{}", run["id"].as_str().expect("an id"));
    browser.go(&console.url(&run));
    browser.wait_for_text("0 of 2 hosts done");
    holds_still(&browser, "runs");
    // Output that streams: the box keeps its end only.
    browser.go(&console.url(&format!("{run}/hosts/{host}")));
    browser.wait_until(
        "the output's end",
        "return document.querySelector('#live-output').textContent.includes('30000')",
    );
    let pieces = browser.run("return document.querySelector('#live-output').childNodes.length");
    assert!(pieces.as_u64().expect("a number") <= 1000, "{pieces}");
    std::fs::write(&gate, "").expect("a file");
    browser.wait_for_text("the end");
    wait_until("the run's end", || {
        console.api("GET", run.trim_start_matches('/'), None)["state"] == "ended"
    });
}

#[test]
fn pages_that_were_left_leave_no_stream_behind() {
    let Some(browser) = browser("streams") else { return };
    let console = Console::start();
    let token = json!({"name": "count", "days": 1});
    let token = console.api("POST", "operators/ann/tokens", Some(&token));
    let token = format!("Bearer {}", token["secret"].as_str().expect("a secret"));
    // How many streams ann may open besides those of her pages.
    let free = || {
        let open = || {
            let request = ureq::get(console.url("/api/v1/live?kinds=people"));
            let config = request.config().http_status_as_error(false).build();
            let answer = config.header("authorization", &token).call().expect("an answer");
            (answer.status().as_u16() == 200).then_some(answer)
        };
        std::iter::from_fn(open).take(1000).collect::<Vec<_>>().len()
    };
    let all = free();
    console.log_in(&browser);
    for page in ["/", "/hosts", "/join", "/runs", "/schedules", "/people", "/audit", "/system"] {
        browser.go(&console.url("/me"));
        browser.click(&format!(".side a[href='{page}']"));
        browser.wait_for("[data-live]");
    }
    for _ in 0..5 {
        browser.run("history.back()");
    }
    browser.go(&console.url("/hosts"));
    browser.wait_for("[data-live]");
    wait_until("one stream of the open page", || free() == all - 1);
    browser.go(&console.url("/me"));
    wait_until("no stream: nothing on the page is live", || free() == all);
    browser.go(&console.url("/hosts"));
    wait_until("one again", || free() == all - 1);
    drop(browser);
    wait_until("none after the window is closed", || free() == all);
}
