//! The account database of the host that runs the tests.

use super::*;

#[test]
fn root_is_enumerated_and_looked_up_alike() {
    let mut seen = None;
    each_user(|user| {
        if user.uid == 0 && seen.is_none() {
            seen =
                Some((user.name.to_owned(), user.gid, user.home.to_owned(), user.shell.to_owned()));
        }
        io::Result::Ok(())
    })
    .unwrap();
    let take = |user: User<'_>| {
        (user.name.to_owned(), user.gid, user.home.to_owned(), user.shell.to_owned())
    };
    assert_eq!(user_by_uid(0, take).unwrap(), seen);
    assert_eq!(user_by_name(c"root", take).unwrap(), seen);
    assert_eq!(user_by_name(c"no such user", |_| ()).unwrap(), None);
    assert_eq!(user_by_uid(4_000_000_001, |_| ()).unwrap(), None);
}

#[test]
fn enumerating_again_begins_again() {
    let count = || {
        let mut count = 0;
        each_group(|_| {
            count += 1;
            io::Result::Ok(())
        })
        .unwrap();
        count
    };
    assert!(count() > 0);
    assert_eq!(count(), count());
}

#[test]
fn a_visitor_can_stop_and_the_lock_is_free_after() {
    for _ in 0..2 {
        let stopped = each_user(|_| Err(io::Error::other("enough")));
        assert_eq!(stopped.unwrap_err().to_string(), "enough");
    }
}

#[test]
fn members_of_a_group_are_all_listed() {
    let (a, b) = (c"a".as_ptr().cast_mut(), c"b".as_ptr().cast_mut());
    let list = [a, b, ptr::null_mut()];
    let members = Members { next: list.as_ptr(), entry: PhantomData };
    assert_eq!(members.collect::<Vec<_>>(), [c"a", c"b"]);
    assert_eq!(Members { next: ptr::null(), entry: PhantomData }.next(), None);
}
