//! Crontabs: each line is an entry, a problem or empty; an entry means the same in a file and
//! alone.

use crate::crontab::{self, Form, When};

/// Checks the bytes of a file.
pub fn crontab(bytes: &[u8]) {
    for form in [Form::System, Form::User("root")] {
        let found = crontab::parse(bytes, form);
        let lines = bytes.split(|&byte| byte == b'\n').count();
        let mut last = 0;
        for entry in &found.entries {
            assert!(entry.line > last && entry.line <= lines, "line {} of {lines}", entry.line);
            last = entry.line;
            assert!(!entry.command.is_empty() && !entry.user.is_empty());
            assert!(
                !entry.command.contains(['\0', '\n']) && !entry.command.starts_with([' ', '\t'])
            );
            let line =
                bytes.split(|&byte| byte == b'\n').nth(entry.line - 1).expect("a line of the file");
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            assert!(is_end_of(line, &entry.command), "the command is not the line's end");
            if let (When::At(when), Form::System, Ok(line)) =
                (&entry.when, form, std::str::from_utf8(line))
                && !line.contains('\r')
                && !bytes.windows(9).any(|window| window == b"CRON_USER")
            {
                let alone = crontab::line(line).expect("a line of a file is a line");
                let When::At(same) = alone.when else { panic!("{line:?} has no times") };
                assert_eq!(same.to_string(), when.to_string(), "{line:?}");
                assert_eq!(
                    (alone.user, alone.command),
                    (entry.user.clone(), entry.command.clone()),
                    "{line:?}"
                );
            }
        }
        for problem in found.problems.iter().chain(&found.warnings) {
            assert!((1..=lines).contains(&problem.line) && problem.column > 0);
            super::fits_a_log_line(&problem.to_string());
        }
        assert!(found.problems.len() <= crontab::MAX_PROBLEMS + 1);
        assert!(found.warnings.len() <= crontab::MAX_PROBLEMS + 1);
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        match crontab::line(text) {
            Ok(entry) => assert!(is_end_of(text.as_bytes(), &entry.command)),
            Err(problem) => {
                assert!(
                    problem.line == 1 && problem.column <= text.len() + 1,
                    "{text:?}: {problem}"
                );
                super::fits_a_log_line(&problem.to_string());
            }
        }
    }
}

/// Returns whether a command is the end of a line, but for backslashes: `\%` stands for `%`.
fn is_end_of(line: &[u8], command: &str) -> bool {
    let bare =
        |bytes: &[u8]| -> Vec<u8> { bytes.iter().copied().filter(|byte| *byte != b'\\').collect() };
    bare(line).ends_with(&bare(command.as_bytes()))
}
