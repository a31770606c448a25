use super::*;
use std::os::unix::fs::PermissionsExt as _;
use test_support::Scratch;

fn write(folder: &Scratch, name: &str, text: &str, mode: u32) {
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_broken_line_is_reported_with_its_place_and_the_others_are_jobs() {
    let folder = Scratch::new("crontabs-lines");
    write(
        &folder,
        "a",
        "SHELL=/bin/sh\n0 0 * * * * root echo 'hi'\n61 * * * * * root x\n@reboot root y\n",
        0o644,
    );
    let read = Crontabs::read(folder.path());
    assert_eq!(read.jobs.len(), 2, "{read:?}");
    let FileJob { definition: job, file: path, .. } = &read.jobs[0];
    assert_eq!(*path, folder.path().join("a"));
    assert_eq!(
        (job.schedule.as_str(), job.bash.cmd.as_str()),
        ("0 0 * * * *", r"exec '/bin/sh' -c 'echo '\''hi'\'''")
    );
    assert!(job.name.starts_with("a:root:"), "{}", job.name);
    assert!(matches!(&read.problems[..], [one] if one.contains("/a:3:")), "{:?}", read.problems);
}

#[test]
fn names_stay_when_lines_move_and_equal_lines_get_two_names() {
    let folder = Scratch::new("crontabs-names");
    write(&folder, "a", "@daily root x\n@hourly root x\n", 0o644);
    let names = || -> Vec<String> {
        let mut names: Vec<_> =
            Crontabs::read(folder.path()).jobs.into_iter().map(|job| job.definition.name).collect();
        names.sort();
        names
    };
    let before = names();
    write(&folder, "a", "# moved\n@hourly root x\n\n@daily root x\n", 0o644);
    assert_eq!(names(), before);
    write(&folder, "a", "@daily root x\n@daily root x\n", 0o644);
    assert!(names()[1].ends_with("-2"), "{:?}", names());
}

#[test]
fn files_that_others_may_write_or_that_are_not_crontabs_are_ignored() {
    let folder = Scratch::new("crontabs-files");
    write(&folder, "good", "@daily root x\n", 0o600);
    write(&folder, "shared", "@daily root x\n", 0o664);
    write(&folder, "good.dpkg-old", "@daily root x\n", 0o644);
    write(&folder, "good~", "@daily root x\n", 0o644);
    write(&folder, "backup.sh", "@daily root x\n", 0o644);
    write(&folder, ".placeholder", "# empty\n", 0o644);
    std::os::unix::fs::symlink("/nowhere", folder.path().join("dangling")).unwrap();
    std::fs::create_dir_all(folder.path().join("folder")).unwrap();
    std::os::unix::fs::symlink(folder.path().join("good"), folder.path().join("link")).unwrap();
    nix::unistd::mkfifo(&folder.path().join("fifo"), nix::sys::stat::Mode::S_IRUSR).unwrap();
    let read = Crontabs::read(folder.path());
    let files: Vec<&str> =
        read.jobs.iter().filter_map(|job| job.file.file_name()?.to_str()).collect();
    assert_eq!(files, ["good", "link"]);
    assert_eq!(read.problems.len(), 7, "{:?}", read.problems);
    for (name, why) in [
        ("good.dpkg-old", "letters, digits"),
        ("good~", "letters, digits"),
        ("backup.sh", "letters, digits"),
        ("dangling", "its target /nowhere does not exist"),
    ] {
        let path = folder.path().join(name).display().to_string();
        let is_this = |problem: &&String| problem.starts_with(&path) && problem.contains(why);
        assert_eq!(read.problems.iter().filter(is_this).count(), 1, "{:?}", read.problems);
    }
    assert!(Crontabs::read(&folder.path().join("none")).problems.is_empty());
}
