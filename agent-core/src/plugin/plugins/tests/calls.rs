//! Calls that succeed, are rejected, or find the queue full.
#![expect(clippy::print_stdout, reason = "one test measures")]

use std::time::Instant;

use test_support::{alive, eventually};

use super::*;

#[tokio::test]
async fn one_worker_makes_all_calls_of_a_plugin() {
    let Some(folder) = PluginFolder::new() else { return };
    folder.plugin("pid", "", PID);
    let plugins = folder.plugins(&[], IDLE);
    let first = pid(&plugins, "getinfo.pid").await;
    assert_ne!(first, std::process::id());
    let (a, b) = tokio::join!(pid(&plugins, "getinfo.pid"), pid(&plugins, "getinfo.pid"));
    assert_eq!((a, b), (first, first));
    plugins.shutdown().await;
    eventually("the worker has ended", || !alive(first)).await;
    assert!(matches!(plugins.call("getinfo.pid", "").await, Err(Error::ShuttingDown)));
}

#[tokio::test]
async fn more_calls_than_the_queue_holds_are_rejected() {
    let Some(folder) = PluginFolder::new() else { return };
    folder.plugin("slow", "", "usleep(2000); SAY(\"1\");");
    let plugins = Arc::new(folder.plugins(&[], IDLE));
    let calls: Vec<_> = (0..lane::QUEUE + 8)
        .map(|_| {
            let plugins = plugins.clone();
            tokio::spawn(async move { plugins.call("getinfo.slow", "").await })
        })
        .collect();
    let (mut answered, mut busy) = (0, 0);
    for call in calls {
        match call.await.unwrap() {
            Ok(_) => answered += 1,
            Err(Error::Busy { .. }) => busy += 1,
            Err(other) => panic!("{other}"),
        }
    }
    assert!(answered >= lane::QUEUE && busy >= 1, "{answered} made, {busy} rejected");
    plugins.shutdown().await;
}

#[tokio::test]
async fn methods_are_listed_including_unusable_plugins() {
    let Some(folder) = PluginFolder::new() else { return };
    folder.plugin("good", "", "");
    folder.0.write("libgetinfo_bad.so", "not a library");
    let plugins = folder.plugins(&[], IDLE);
    for _ in 0..2 {
        let methods = plugins.methods().await;
        assert_eq!(methods[1], ("getinfo.good".to_owned(), "good it is".to_owned()));
        assert!(
            methods[0].0 == "getinfo.bad" && methods[0].1.starts_with("unusable: "),
            "{methods:?}"
        );
    }
    plugins.shutdown().await;
}

#[tokio::test]
async fn invalid_names_and_arguments_start_no_worker() {
    let plugins =
        Plugins::with_program(vec!["/nonexistent".into()], settings(Trust::default()), program());
    for method in ["getinfo.none", "getinfo", "getinfo.../x", "getinfo.a_b", "agent.ping"] {
        assert!(matches!(plugins.call(method, "").await, Err(Error::Refused(_))), "{method}");
    }
    let long = "x".repeat(MAX_ARGS + 1);
    assert!(matches!(plugins.call("getinfo.none", &long).await, Err(Error::Args { .. })));
}

#[tokio::test]
#[ignore = "measures: prints the time of a warm call"]
async fn a_warm_call_takes_microseconds() {
    const CALLS: u32 = 20_000;
    let Some(folder) = PluginFolder::new() else { return };
    folder.plugin("warm", "", "SAY(\"\\\"0123456789012345678901234567890123456789\\\"\");");
    let plugins = folder.plugins(&[], IDLE);
    let began = Instant::now();
    plugins.call("getinfo.warm", "").await.unwrap();
    println!("first call {:?}", began.elapsed());
    let began = Instant::now();
    for _ in 0..CALLS {
        plugins.call("getinfo.warm", "").await.unwrap();
    }
    println!("warm call {:?}", began.elapsed() / CALLS);
    plugins.shutdown().await;
}
