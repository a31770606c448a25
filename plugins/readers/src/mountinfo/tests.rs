//! Lines as kernels write them, and hostile ones.

use super::*;

#[test]
fn lines_are_decoded() {
    let lines = parse(
        b"36 35 98:0 /mnt1 /mnt\\0402 rw,noatime master:1 shared:7 - ext3 /dev/root rw,errors=continue\n\
          40 36 0:5 / /a\\134b\xff rw - fuse.sshfs me@host:/x\\011y rw,context=\"a:s0:c1,c2\",user_id=0\n\
          41 36 0:6 / /empty rw -  none \n\
          42 36 0:7 / /short rw - tmpfs none",
    );
    assert_eq!(lines.len(), 4);
    assert_eq!((lines[0].id, lines[0].parent, lines[0].device.as_str()), (36, 35, "98:0"));
    assert_eq!(
        (lines[0].root.as_slice(), lines[0].mountpoint.as_slice()),
        (&b"/mnt1"[..], &b"/mnt 2"[..])
    );
    assert_eq!(
        (lines[0].tags.as_slice(), lines[0].kind.as_str()),
        (&["master:1".to_owned(), "shared:7".to_owned()][..], "ext3")
    );
    assert_eq!(lines[0].super_options, ["rw", "errors=continue"]);
    assert_eq!(
        (lines[1].mountpoint.as_slice(), lines[1].source.as_slice()),
        (&b"/a\\b\xff"[..], &b"me@host:/x\ty"[..])
    );
    assert_eq!(lines[1].super_options, ["rw", "context=\"a:s0:c1,c2\"", "user_id=0"]);
    assert_eq!((lines[2].kind.as_str(), lines[2].source.as_slice()), ("", &b"none"[..]));
    assert!(lines[3].super_options.is_empty());
}

#[test]
fn lines_that_are_not_mounts_are_skipped() {
    for text in [
        &b""[..],
        b"\n\n",
        b"36 35 98:0 / /mnt rw master:1",
        b"36 35 98:0 / /mnt rw -",
        b"36 35 98:0 / /mnt rw - ext4",
        b"x 35 98:0 / /mnt rw - ext4 none rw",
        b"99999999999999999999 35 98:0 / /mnt rw - ext4 none rw",
        b"\xff\xfe",
    ] {
        assert_eq!(parse(text), [], "{text:?}");
    }
}
