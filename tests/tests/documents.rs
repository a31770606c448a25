//! The Markdown files of the repository: every relative link resolves to a file, and to a heading
//! of that file if the link names one.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Documents of other projects that our comments cite, each with the name of its project.
const ELSEWHERE: [&str; 2] = ["format_header.md", "CGROUP_DELEGATION.md"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").to_owned()
}

/// Returns every Markdown file below a folder, without build output and hidden folders.
fn documents(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder of the repository").flatten() {
        let path = entry.path();
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if path.is_dir() && name != "target" && (!name.starts_with('.') || name == ".github") {
            found.extend(documents(&path));
        } else if name.ends_with(".md") {
            found.push(path);
        }
    }
    found
}

/// Returns a document's lines outside of code blocks, indented or fenced, with inline code blanked.
fn prose(text: &str) -> String {
    let mut fenced = false;
    let mut prose = String::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if !fenced && !line.starts_with("    ") {
            for (index, part) in line.split('`').enumerate() {
                prose.push_str(if index % 2 == 0 { part } else { "code" });
            }
            prose.push('\n');
        }
    }
    prose
}

/// Returns the targets of a document's links that are neither URLs nor mail addresses nor paths of
/// Rust items, which rustdoc checks.
fn relative_links(text: &str) -> Vec<String> {
    let prose = prose(text);
    let after = prose.match_indices("](").map(|(at, mark)| &prose[at + mark.len()..]);
    after
        .filter_map(|rest| Some(rest.split_once(')')?.0.to_owned()))
        .filter(|target| !["://", "mailto:", "::"].iter().any(|mark| target.contains(mark)))
        .collect()
}

/// Returns the anchors of a document's headings, in the form that forges generate.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings = text.lines().filter(|line| line.starts_with('#'));
    headings
        .map(|line| {
            let title = line.trim_start_matches('#').trim().to_lowercase();
            let kept =
                title.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
            kept.map(|c| if c == ' ' { '-' } else { c }).collect()
        })
        .collect()
}

#[test]
fn every_relative_link_in_a_markdown_file_resolves() {
    let mut links = 0;
    let mut broken = Vec::new();
    for document in documents(&root()) {
        let text = fs::read_to_string(&document).expect("a document is UTF-8");
        for link in relative_links(&text) {
            links += 1;
            let (file, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let target = match file {
                "" => document.clone(),
                file => document.parent().expect("a folder").join(file),
            };
            let resolves = if anchor.is_empty() {
                target.exists()
            } else {
                fs::read_to_string(&target).is_ok_and(|text| anchors(&text).contains(anchor))
            };
            if !resolves {
                broken.push(format!("{}: {link}", document.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
    assert!(links > 20, "only {links} links were found");
}

#[test]
fn no_document_cites_a_paper_that_is_not_in_the_repository() {
    let root = root();
    let ours: BTreeSet<String> = documents(&root)
        .iter()
        .filter_map(|path| Some(path.file_name()?.to_str()?.to_owned()))
        .collect();
    let mut unknown = Vec::new();
    for source in sources(&root) {
        let text = fs::read_to_string(&source).expect("a source file is UTF-8");
        for (number, line) in text.lines().enumerate() {
            for word in line.split(|c: char| !(c.is_alphanumeric() || matches!(c, '.' | '-' | '_')))
            {
                let cited = word.trim_end_matches('.');
                if cited.len() > 3
                    && cited.ends_with(".md")
                    && !ours.contains(cited)
                    && !ELSEWHERE.contains(&cited)
                {
                    unknown.push(format!("{}:{}: {cited}", source.display(), number + 1));
                }
            }
        }
    }
    assert!(unknown.is_empty(), "{}", unknown.join("\n"));
}

/// Returns the repository's Rust and Markdown files, manifests and example configurations.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder of the repository").flatten() {
        let path = entry.path();
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if path.is_dir()
            && !name.starts_with('.')
            && !["target", "corpus", "seeds"].contains(&&*name)
        {
            found.extend(sources(&path));
        } else if [".rs", ".md", ".toml", ".h", ".sh", ".service"]
            .iter()
            .any(|end| name.ends_with(end))
        {
            found.push(path);
        }
    }
    found
}
