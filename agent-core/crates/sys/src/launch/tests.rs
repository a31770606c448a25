use super::*;

fn round_trip(argument: &CStr) -> Received {
    let (here, there) = packet::pair().unwrap();
    let (reader, writer) = nix::unistd::pipe().unwrap();
    let identity = Identity { uid: 65_534, gid: 7, groups: vec![7, 8, 9] };
    let launch = Launch {
        id: 42,
        identity: Some(&identity),
        cwd: c"/home",
        cwd_required: true,
        argv: &[c"/bin/sh", c"-c", argument],
        env: &[c"A=1".to_owned()],
    };
    let files = Files {
        stdin: Some(reader.as_fd()),
        stdout: Some(writer.as_fd()),
        stderr: None,
        joins: &[reader.as_fd()],
    };
    send(&here, &launch, files, Holder::Cgroup(reader.as_fd())).unwrap();
    let mut buffer = vec![0; MAX_PACKET];
    let (length, fds) = packet::receive(&there, &mut buffer).unwrap();
    let received = parse(&buffer[..length], fds).unwrap();
    assert_eq!((received.id, received.identity.as_ref()), (42, Some(&identity)));
    assert!(received.cwd_required && received.cwd.as_c_str() == c"/home");
    assert!(received.files.stdin.is_some() && received.files.stderr.is_none());
    assert_eq!(received.joins.len(), 1);
    assert!(matches!(received.holder, OwnedHolder::Cgroup(_)));
    received
}

#[test]
fn a_launch_arrives_as_it_was_sent() {
    let received = round_trip(c"true");
    assert_eq!(received.argv, [c"/bin/sh".to_owned(), c"-c".to_owned(), c"true".to_owned()]);
    assert_eq!(received.env, [c"A=1".to_owned()]);
}

#[test]
fn a_supervisors_settings_arrive_beside_a_long_command() {
    let scratch = test_support::Scratch::new("launch");
    let claim = crate::slot::Slots::open(&scratch.file("slots"), 4).unwrap().take(3, 99).unwrap();
    let dir = File::open("/").unwrap();
    for (length, leaf) in [(1, None), (100_000, Some(dir.as_fd()))] {
        let (here, there) = packet::pair().unwrap();
        let command = CString::new(vec![b'x'; length]).unwrap();
        let argv = [c"/bin/sh", c"-c", &command];
        let launch =
            Launch { id: 1, identity: None, cwd: c"/", cwd_required: false, argv: &argv, env: &[] };
        let task = Supervision {
            claim: &claim,
            dir: dir.as_fd(),
            leaf,
            leaf_required: leaf.is_some(),
            timeout: Some(Duration::from_secs(30 * 86_400)),
            grace: Duration::from_millis(1500),
            not_before: 1_800_000_000_000,
            max_output: 1 << 40,
            separate_stderr: true,
        };
        let files = Files { stdin: Some(dir.as_fd()), stdout: None, stderr: None, joins: &[] };
        send(&here, &launch, files, Holder::Supervisor(task)).unwrap();
        let mut buffer = vec![0; MAX_PACKET];
        let (bytes, fds) = packet::receive(&there, &mut buffer).unwrap();
        let received = parse(&buffer[..bytes], fds).unwrap();
        assert_eq!(received.argv[2], command);
        assert!(received.files.stdin.is_some() && received.files.stdout.is_none());
        let OwnedHolder::Supervisor(task) = received.holder else { panic!("another holder") };
        assert_eq!((task.claim.index(), task.claim.n()), (3, 99));
        assert_eq!(task.timeout, Some(Duration::from_secs(30 * 86_400)));
        assert_eq!((task.grace, task.max_output), (Duration::from_millis(1500), 1 << 40));
        assert_eq!(task.not_before, 1_800_000_000_000);
        assert!(task.separate_stderr && task.leaf.is_some() == leaf.is_some());
        assert_eq!(task.leaf_required, leaf.is_some());
    }
}

#[test]
fn the_longest_argument_the_kernel_takes_arrives_whole() {
    let long = CString::new(vec![b'x'; 131_071]).unwrap();
    assert_eq!(round_trip(&long).argv[2], long);
}

#[test]
fn a_cut_or_foreign_packet_is_refused() {
    for packet in [&b""[..], b"x", &[0; HEADER], &[0xff; HEADER], &[1; 100]] {
        assert!(parse(packet, Vec::new()).is_err());
    }
}
