//! Tasks across restarts, kills, cancellation and reboots.

use super::*;

#[tokio::test]
async fn a_task_continues_when_its_agent_is_stopped_or_killed() {
    let (server, mut agent, mut channel) = connected().await;
    let go = agent.scratch().file("go");
    let cmd = format!("echo begun; until [ -e {} ]; do sleep 0.02; done; echo over", go.display());
    accept(&mut channel, "one", &cmd, json!({})).await;
    // "running" means that the intent is durable; the supervisor starts after that.
    until_state(&mut channel, "one", "running").await;
    eventually("its supervisor runs", || supervisors(&agent).len() == 1).await;
    agent.restart();
    let mut channel = server.channel().await;
    until_state(&mut channel, "one", "running").await;
    agent.signal(Signal::SIGTERM);
    assert!(agent.wait().await.success());
    assert_eq!(supervisors(&agent).len(), 1, "the task did not continue without an agent");
    agent.restart();
    let mut channel = server.channel().await;
    until_state(&mut channel, "one", "running").await;
    std::fs::write(go, "").unwrap();
    let over = result(&mut channel, "one").await;
    assert_eq!((&over["data"], &over["retcode"]), (&json!("begun\nover\n"), &json!(0)), "{over}");
    eventually("its supervisor is gone", || supervisors(&agent).is_empty()).await;
}

#[tokio::test]
async fn a_task_that_ends_while_no_agent_runs_is_reported_by_the_next() {
    let (server, mut agent, mut channel) = connected().await;
    let go = agent.scratch().file("go");
    let cmd =
        format!("until [ -e {} ]; do sleep 0.02; done; echo over; kill -SEGV $$", go.display());
    accept(&mut channel, "one", &cmd, json!({})).await;
    // "running" means that the intent is durable; the supervisor starts after that.
    eventually("its supervisor runs", || supervisors(&agent).len() == 1).await;
    agent.kill();
    std::fs::write(go, "").unwrap();
    eventually("the task is over", || supervisors(&agent).is_empty()).await;
    agent.restart();
    let over = result(&mut server.channel().await, "one").await;
    assert_eq!((&over["retcode"], &over["signal"]), (&json!(3032), &json!(11)), "{over}");
    assert!(over["message"].as_str().unwrap().contains("SIGSEGV"), "{over}");
    assert_eq!(over["data"], "over\n");
}

#[tokio::test]
async fn a_waiting_task_is_cancelled_at_once_and_a_running_task_with_its_process_tree() {
    let (_server, agent, mut channel) = with("[tasks]\nmax_running = 1\n").await;
    let marker = format!("1{}.5", agent.pid());
    let mark = agent.scratch().file("mark");
    let running = format!("setsid sleep {marker} & sleep {marker}; sleep {marker}");
    accept(&mut channel, "runs", &running, json!({})).await;
    accept(&mut channel, "waits", &format!("touch {}", mark.display()), json!({})).await;
    eventually("the task runs", || processes_with(&format!("sleep {marker}")).len() >= 2).await;
    for _ in 0..2 {
        let answer =
            ask(&mut channel, &json!({"id": "c", "method": "async.cancel", "task": "waits"})).await;
        assert_eq!(answer["data"]["state"], "ended", "{answer}");
    }
    assert_eq!(result(&mut channel, "waits").await["retcode"], 3034);
    let answer =
        ask(&mut channel, &json!({"id": "c", "method": "async.cancel", "task": "runs"})).await;
    assert_eq!(answer["resp"], "success", "{answer}");
    assert_eq!(result(&mut channel, "runs").await["retcode"], 3034);
    assert_eq!(processes_with(&format!("sleep {marker}")), []);
    assert!(!mark.exists(), "a task cancelled before its turn ran");
    let answer =
        ask(&mut channel, &json!({"id": "c", "method": "async.cancel", "task": "none"})).await;
    assert_eq!(answer["retcode"], 3024, "{answer}");
}

#[tokio::test]
async fn an_adopted_task_is_cancelled_and_timed_out_like_any_other() {
    let (server, mut agent, mut channel) = connected().await;
    let marker = format!("2{}.5", agent.pid());
    let cmd = format!("trap '' TERM; (setsid sleep {marker} &); sleep {marker}; sleep {marker}");
    accept(&mut channel, "cancelled", &cmd, json!({})).await;
    accept(&mut channel, "timed", &cmd, json!({"timeout": 6})).await;
    // "running" means that the intent is durable; the supervisor starts after that.
    eventually("their supervisors run", || supervisors(&agent).len() == 2).await;
    agent.restart();
    let mut channel = server.channel().await;
    ask(&mut channel, &json!({"id": "c", "method": "async.cancel", "task": "cancelled"})).await;
    let mut events = Vec::new();
    for _ in 0..2 {
        events.push(next(&mut channel, is_event).await);
    }
    let mut retcodes: Vec<_> =
        events.iter().map(|over| (over["id"].as_str(), over["retcode"].as_u64())).collect();
    retcodes.sort_unstable();
    let expected = [(Some("cancelled"), Some(3034)), (Some("timed"), Some(3031))];
    assert_eq!(retcodes, expected, "{events:?}");
    assert_eq!(processes_with(&format!("sleep {marker}")), []);
}

#[tokio::test]
async fn a_task_whose_supervisor_is_killed_is_interrupted_and_its_processes_end() {
    if !needs_root("a_task_whose_supervisor_is_killed_is_interrupted_and_its_processes_end") {
        return;
    }
    let (_server, agent, mut channel) = connected().await;
    let marker = format!("3{}.5", agent.pid());
    accept(&mut channel, "one", &format!("echo begun; sleep {marker}; true"), json!({})).await;
    eventually("the task runs", || processes_with(&format!("sleep {marker}")).len() >= 2).await;
    // What the supervisor has not read when it is killed is lost.
    until_output(&mut channel, "one", "begun\n").await;
    kill_supervisors(&agent);
    let over = result(&mut channel, "one").await;
    assert_eq!((&over["retcode"], &over["data"]), (&json!(3035), &json!("begun\n")), "{over}");
    eventually("no process of the task is left", || {
        processes_with(&format!("sleep {marker}")).is_empty()
    })
    .await;
}

#[tokio::test]
async fn after_a_reboot_a_running_task_is_interrupted_and_a_waiting_task_runs() {
    if !needs_root("after_a_reboot_a_running_task_is_interrupted_and_a_waiting_task_runs") {
        return;
    }
    let (server, mut agent, mut channel) = with("[tasks]\nmax_running = 1\n").await;
    let mark = agent.scratch().file("mark");
    // Tests beside this one have sleepers too.
    let sleep = format!("sleep 4{}.5", agent.pid());
    let cmd = format!("echo x >> {}; echo begun; {sleep}", mark.display());
    accept(&mut channel, "runs", &cmd, json!({})).await;
    accept(&mut channel, "waits", "echo over", json!({})).await;
    let begun = || std::fs::read_to_string(&mark).is_ok_and(|text| text == "x\n");
    eventually("the task runs", begun).await;
    // A reboot ends every process and gives the kernel another boot id.
    agent.kill();
    kill_supervisors(&agent);
    for process in processes_with(&sleep) {
        let _ = kill(Pid::from_raw(i32::try_from(process.pid).unwrap()), Signal::SIGKILL);
    }
    let boot = agent.scratch().write("boot_id", "00000000-0000-0000-0000-000000000000\n");
    agent.rewrite(|config| {
        config.wrapper = in_mount_namespace(&[(&boot, "/proc/sys/kernel/random/boot_id")]);
    });
    agent.restart();
    let mut channel = server.channel().await;
    let over = result(&mut channel, "runs").await;
    assert_eq!(over["retcode"], 3035, "{over}");
    assert_eq!(result(&mut channel, "waits").await["data"], "over\n");
    assert_eq!(std::fs::read_to_string(mark).unwrap(), "x\n", "the interrupted task ran again");
}
