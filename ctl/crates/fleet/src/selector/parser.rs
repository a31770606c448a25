//! Tokens to terms, as `k8s.io/apimachinery/pkg/labels` reads them.

use super::error::SelectorError;
use super::lexer::{Kind, Lexer, Token};
use super::term::{Condition, Subject, Term};
use super::{MAX_TERMS, MAX_TEXT};
use crate::label::HOST;
use crate::{LabelKey, LabelValue};
use std::collections::BTreeSet;

/// The most characters of a host id.
const MAX_HOST: usize = 128;

/// Reads the terms of a selector.
pub(super) fn parse(text: &str) -> Result<Vec<Term>, SelectorError> {
    if text.len() > MAX_TEXT {
        let why = format!("it has {} bytes; a selector has at most {MAX_TEXT}", text.len());
        // The text would be of no help.
        return Err(SelectorError::new("", 0, why));
    }
    let mut parser = Parser { lexer: Lexer::new(text) };
    let mut terms = Vec::new();
    if parser.lexer.peek().kind == Kind::End {
        return Ok(terms);
    }
    loop {
        let place = parser.lexer.peek();
        if terms.len() == MAX_TERMS {
            return Err(parser.error(place, format!("a selector has at most {MAX_TERMS} terms")));
        }
        terms.push(parser.term()?);
        let token = parser.lexer.next();
        match token.kind {
            Kind::End => return Ok(terms),
            Kind::Comma => {}
            _ => return Err(parser.expected(token, "\",\" or the end")),
        }
    }
}

struct Parser<'a> {
    lexer: Lexer<'a>,
}

impl<'a> Parser<'a> {
    fn term(&mut self) -> Result<Term, SelectorError> {
        let first = self.lexer.next();
        if first.kind == Kind::Not {
            let token = self.lexer.next();
            let subject = self.subject(token, "a label's key behind \"!\"")?;
            return match subject {
                Subject::Host => Err(self.error(first, "every host has an id".to_owned())),
                Subject::Label(_) => Ok(Term { subject, condition: Condition::Absent }),
            };
        }
        let subject = self.subject(first, "a label's key or \"!\"")?;
        let operator = self.lexer.peek();
        let condition = match operator.kind {
            Kind::End | Kind::Comma if subject == Subject::Host => {
                return Err(self.error(first, "every host has an id; write host=ID".to_owned()));
            }
            Kind::End | Kind::Comma => Condition::Exists,
            Kind::Equals => Condition::In(self.one(&subject)?),
            Kind::Differs => Condition::NotIn(self.one(&subject)?),
            Kind::Word("in") => Condition::In(self.several(&subject)?),
            Kind::Word("notin") => Condition::NotIn(self.several(&subject)?),
            Kind::Compares => {
                let why = "labels cannot be compared as numbers; use =, !=, in or notin";
                return Err(self.error(operator, why.to_owned()));
            }
            Kind::Word(_) | Kind::Not | Kind::Open | Kind::Close => {
                return Err(
                    self.expected(operator, "\"=\", \"!=\", \"in\", \"notin\", \",\" or the end")
                );
            }
        };
        Ok(Term { subject, condition })
    }

    fn subject(&self, token: Token<'a>, wanted: &str) -> Result<Subject, SelectorError> {
        match token.kind {
            Kind::Word(HOST) => Ok(Subject::Host),
            Kind::Word(word) => LabelKey::new(word)
                .map(Subject::Label)
                .map_err(|error| self.error(token, error.to_string())),
            _ => Err(self.expected(token, wanted)),
        }
    }

    /// Reads the operator and the value behind it. As in Kubernetes, it may be empty.
    fn one(&mut self, subject: &Subject) -> Result<BTreeSet<String>, SelectorError> {
        self.lexer.next();
        let token = self.lexer.peek();
        let value = match token.kind {
            Kind::End | Kind::Comma => self.value(subject, token, "")?,
            Kind::Word(word) => {
                self.lexer.next();
                self.value(subject, token, word)?
            }
            _ => return Err(self.expected(token, "a value")),
        };
        Ok(BTreeSet::from([value]))
    }

    /// Reads the operator and the values behind it. As in Kubernetes, each may be empty, as the
    /// second one in `(a,)`; but there must be one.
    fn several(&mut self, subject: &Subject) -> Result<BTreeSet<String>, SelectorError> {
        self.lexer.next();
        let open = self.lexer.next();
        if open.kind != Kind::Open {
            return Err(self.expected(open, "\"(\""));
        }
        let mut values = BTreeSet::new();
        if self.lexer.peek().kind == Kind::Close {
            return Err(self.expected(self.lexer.peek(), "a value"));
        }
        loop {
            let token = self.lexer.peek();
            let word = match token.kind {
                Kind::Word(word) => {
                    self.lexer.next();
                    word
                }
                Kind::Comma | Kind::Close => "",
                _ => return Err(self.expected(token, "a value")),
            };
            values.insert(self.value(subject, token, word)?);
            let behind = self.lexer.next();
            match behind.kind {
                Kind::Comma => {}
                Kind::Close => return Ok(values),
                _ => return Err(self.expected(behind, "\",\" or \")\"")),
            }
        }
    }

    fn value(
        &self,
        subject: &Subject,
        token: Token<'_>,
        word: &str,
    ) -> Result<String, SelectorError> {
        match subject {
            Subject::Host if is_host_id(word) => Ok(word.to_owned()),
            Subject::Host => Err(self.error(token, format!(
                "{word:?} is not a host id; one has 1 to {MAX_HOST} letters, digits, \"-\", \"_\" or \".\""
            ))),
            Subject::Label(_) => LabelValue::new(word)
                .map(|value| value.to_string())
                .map_err(|error| self.error(token, error.to_string())),
        }
    }

    fn expected(&self, token: Token<'_>, wanted: &str) -> SelectorError {
        let text = self.lexer.text();
        let found = match token.kind {
            Kind::End => "the text ends here".to_owned(),
            Kind::Word(word) => format!("this is {word:?}"),
            Kind::Equals => "this is \"=\"".to_owned(),
            _ => format!(
                "this is {:?}",
                text[token.at..].chars().next().unwrap_or_default().to_string()
            ),
        };
        self.error(token, format!("expected {wanted}, but {found}"))
    }

    fn error(&self, token: Token<'_>, why: String) -> SelectorError {
        SelectorError::new(self.lexer.text(), token.at, why)
    }
}

fn is_host_id(text: &str) -> bool {
    (1..=MAX_HOST).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
}
