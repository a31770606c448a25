use super::*;
use std::fs;
use test_support::{HangingMount, Scratch, in_mount_namespace, is_inside, wait_until};

const LONG: Duration = Duration::from_secs(30);

#[test]
fn the_answer_is_that_of_the_system() {
    let apart = statfs(Path::new("/"), LONG).unwrap();
    let mut here = MaybeUninit::<libc::statfs>::zeroed();
    // SAFETY: the path ends with a NUL, and the struct has the size that the call writes.
    assert_eq!(unsafe { libc::statfs(c"/".as_ptr(), here.as_mut_ptr()) }, 0);
    // SAFETY: it was zeroed and then written.
    let here = words(&unsafe { here.assume_init() });
    assert_eq!([apart.block_size, apart.blocks, apart.files], [here[1], here[2], here[5]]);
    let missing = statfs(Path::new("/nonexistent"), LONG).unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::NotFound);
    let nul = statfs(Path::new("/a\0b"), LONG).unwrap_err();
    assert_eq!(nul.kind(), ErrorKind::InvalidInput);
}

#[test]
fn a_child_that_is_left_behind_holds_nothing_and_is_reaped_later() {
    let test = "apart::tests::a_child_that_is_left_behind_holds_nothing_and_is_reaped_later";
    if !is_inside(test, &in_mount_namespace(&[])) {
        return;
    }
    let scratch = Scratch::new("apart");
    let Some(mount) = HangingMount::new(scratch.path()) else {
        return eprintln!("SKIPPED (needs FUSE): {test}");
    };
    let ask = |time| statfs(scratch.path(), time);
    assert_eq!(ask(LONG).unwrap().blocks, 1000);
    mount.hang();
    // Not the first descriptor, so that those below it are closed too.
    let held = fs::File::open("/dev/null").unwrap();
    assert_eq!(ask(Duration::from_millis(200)).unwrap_err().kind(), ErrorKind::TimedOut);
    drop(held);
    let children = || lock().iter().map(|(_, child)| *child).collect::<Vec<_>>();
    let left = children();
    assert_eq!(left.len(), 1);
    let proc = Path::new("/proc").join(left[0].to_string());
    // On a busy machine, it may still be on its way there.
    wait_until("it holds only its socket", || {
        let open = fs::read_dir(proc.join("fd")).unwrap().flatten();
        let open: Vec<_> = open.filter_map(|entry| fs::read_link(entry.path()).ok()).collect();
        open.len() == 1 && open[0].to_string_lossy().starts_with("socket:")
    });
    wait_until("it holds no folder", || fs::read_link(proc.join("cwd")).unwrap() == Path::new("/"));
    // For the same path no other child is made.
    assert_eq!(ask(LONG).unwrap_err().kind(), ErrorKind::TimedOut);
    assert_eq!(children(), left);
    drop(mount);
    wait_until("the child ends", || {
        let _ = statfs(Path::new("/"), LONG);
        children().is_empty()
    });
    assert!(ask(LONG).is_ok(), "the folder below the mount");
}
