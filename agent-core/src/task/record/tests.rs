use super::*;

#[test]
fn every_record_reads_back_as_it_was_written() {
    let bash = Bash {
        cmd: "echo \"a\0b\"\n".into(),
        env: vec![("A".into(), "1".into())],
        timeout: Some(9),
        ..Bash::default()
    };
    let shape = Shape::of(&bash, 7);
    let accepted = Accepted {
        n: 1,
        id: "x".into(),
        at: 2,
        digest: "00".into(),
        plain: None,
        shape,
        bash: Some(Command::new(bash)),
        run: Some(Box::new(JobRun {
            job: "j".into(),
            at: Some(-5),
            queue: true,
            ..JobRun::default()
        })),
    };
    let fields = RawValue::from_string("{\"schedule\":\"@daily\"}".to_owned()).unwrap();
    let job = |last| Job {
        name: "j".into(),
        at: 1,
        file: None,
        fields: fields.clone(),
        last,
        boot: None,
    };
    let ended = |ending| Ended { started: Some(3), ..Ended::unstarted(1, 4, ending) };
    let table = [
        Record::Used(9),
        Record::Accepted(accepted),
        Record::Begun(Begun { n: 1, at: 3, boot: "b".into(), slot: 4, cgroup: Some("/c".into()) }),
        Record::Ended(ended(Ending::Exited(0))),
        Record::Ended(ended(Ending::Signaled { signal: 11, core: true })),
        Record::Ended(ended(Ending::TimedOut)),
        Record::Ended(ended(Ending::NotStarted { retcode: 3033, why: "no".into() })),
        Record::Ended(Ended {
            usage: Some(ResourceUsage { user_us: 1, sys_us: 2, wall_us: 3, max_rss_kib: 4 }),
            stdout: Some(StoredStream {
                total: u64::MAX,
                written: 9,
                tail: 6,
                stopped: true,
                stored: 3,
            }),
            ..ended(Ending::Interrupted("the machine".into()))
        }),
        Record::Cancelled(1),
        Record::Acked(1),
        Record::Forgotten(1),
        Record::Job(job(None)),
        Record::Job(Job { file: Some("backup".into()), boot: Some("b".into()), ..job(Some(7)) }),
        Record::JobRemoved("j".into()),
        Record::Skipped(Skipped { job: "j".into(), at: 7, why: "it still runs".into() }),
        Record::ClockSet(5),
        Record::SteppedBack(6),
    ];
    for record in table {
        let bytes = record.to_bytes();
        assert_eq!(Record::from_bytes(&bytes), Some(record), "{}", String::from_utf8_lossy(&bytes));
    }
    assert_eq!(Record::from_bytes(b"{\"later\":1}"), None);
}

#[test]
fn the_names_on_disk_stay() {
    let shape = Shape { timeout: Some(9), base64: true, separate: false, max_output: 7 };
    let run = JobRun { job: "j".into(), at: Some(5), ..JobRun::default() };
    let bash = Some(Command::new(Bash { cmd: "true".into(), ..Bash::default() }));
    let (id, digest) = ("x".to_owned(), "00".to_owned());
    let run = Some(Box::new(run));
    let accepted = Accepted { n: 1, id, at: 2, digest, plain: None, shape, bash, run };
    let ended = Ended {
        usage: Some(ResourceUsage { user_us: 1, sys_us: 2, wall_us: 3, max_rss_kib: 4 }),
        ..Ended::unstarted(1, 4, Ending::TimedOut)
    };
    let table = [
        (
            Record::Accepted(accepted),
            r#"{"accepted":{"n":1,"id":"x","at":2,"digest":"00","shape":{"timeout":9,"base64":true,"separate":false,"max_output":7},"bash":{"cmd":"true"},"cron":{"job":"j","at":5}}}"#,
        ),
        (
            Record::Ended(ended),
            r#"{"ended":{"n":1,"at":4,"how":"timedout","took":{"user_us":1,"sys_us":2,"wall_us":3,"max_rss_kib":4}}}"#,
        ),
        (Record::JobRemoved("j".into()), r#"{"unjob":"j"}"#),
        (Record::ClockSet(5), r#"{"clock":5}"#),
        (Record::SteppedBack(6), r#"{"back":6}"#),
        (Record::Acked(1), r#"{"acked":1}"#),
    ];
    for (record, text) in table {
        assert_eq!(String::from_utf8(record.to_bytes()).unwrap(), text);
    }
}
