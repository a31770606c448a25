//! A page whose answer may take its time, because it looks at every host: the browser gets what
//! stands before the answer at once, and the rest when it is there.
//!
//! A template of such a page has [`MARK`] behind what does not depend on the answer.

use crate::api::Failure;
use crate::markup::Markup;
use crate::page::HTML;
use axum::body::{Body, Bytes, HttpBody, to_bytes};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use controller_api::ProblemKind;
use http_body::Frame;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

/// The mark between the two parts of a page.
const MARK: &str = "<!--answer-->";

/// Shown until something follows it.
const WAITING: &str = "<p class=\"later muted\" role=\"status\">Looking at all hosts …</p>\n";

/// The wait for an answer before the first part goes out.
const WAIT: Duration = Duration::from_millis(20);

/// The most bytes of a page.
const MAX_PAGE: usize = 4 << 20;

/// Makes a page of its text without the answer, and of the page with it. An answer that comes soon is
/// the page, with its own status.
///
/// # Errors
/// When the answer fails soon.
pub(crate) async fn page(
    before: String,
    answer: impl Future<Output = Result<Response, Failure>> + Send + 'static,
) -> Result<Response, Failure> {
    let mut answer = Box::pin(answer);
    if let Ok(soon) = tokio::time::timeout(WAIT, &mut answer).await {
        return soon;
    }
    let Some((first, rest)) = before.split_once(MARK) else { return answer.await };
    let first = format!("{first}{MARK}{WAITING}");
    let rest = rest.to_owned();
    let last: Last = Box::pin(async move { end(answer.await, rest).await });
    let body = Body::new(Parts { first: Some(first), last: Some(last) });
    let kind = [(header::CONTENT_TYPE, HTML)];
    Ok((StatusCode::OK, kind, [("x-accel-buffering", "no")], body).into_response())
}

/// Returns the end of a page: the answer, or the problem in its place, and the rest of the page.
async fn end(answer: Result<Response, Failure>, rest: String) -> String {
    let whole = match answer {
        Ok(page) => to_bytes(page.into_body(), MAX_PAGE).await.unwrap_or_default(),
        Err(failure) => return failed(&failure, &rest),
    };
    match String::from_utf8_lossy(&whole).split_once(MARK) {
        Some((_, last)) => last.to_owned(),
        None => failed(&Failure::new(ProblemKind::Internal, "the page has no answer"), &rest),
    }
}

fn failed(failure: &Failure, rest: &str) -> String {
    let mut notice = Markup::default();
    notice.raw("<div class=\"notice bad\" role=\"alert\" id=\"problem\"><span>");
    notice.text(&failure.sentence());
    notice.raw("</span></div>");
    format!("{notice}{rest}")
}

type Last = Pin<Box<dyn Future<Output = String> + Send>>;

/// A page in two parts. Dropped early, because the browser has gone, it drops the question.
struct Parts {
    first: Option<String>,
    last: Option<Last>,
}

impl HttpBody for Parts {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(Ok(Frame::data(first.into()))));
        }
        let Some(last) = &mut self.last else { return Poll::Ready(None) };
        let text = ready!(last.as_mut().poll(context));
        self.last = None;
        Poll::Ready(Some(Ok(Frame::data(text.into()))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::{self as pages, html, html_with};
    use askama::Template;
    use std::pin::pin;

    #[derive(Template)]
    #[template(source = "<h1>{{ title }}</h1><!--answer-->{{ answer }}<hr>", ext = "html")]
    struct Page {
        title: &'static str,
        answer: &'static str,
    }

    const EARLY: Page = Page { title: "Facts", answer: "examples" };

    async fn text(page: Result<Response, Failure>) -> (StatusCode, String) {
        let page = page.unwrap();
        let status = page.status();
        let body = to_bytes(page.into_body(), MAX_PAGE).await.unwrap();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn an_answer_that_is_there_is_the_page_with_its_status() {
        let whole = Page { answer: "seven", ..EARLY };
        let answer = async move { html_with(StatusCode::BAD_REQUEST, &whole) };
        let (status, text) = text(page(pages::text(&EARLY).unwrap(), answer).await).await;
        let whole = "<h1>Facts</h1><!--answer-->seven<hr>".to_owned();
        assert_eq!((status, text), (StatusCode::BAD_REQUEST, whole));
    }

    #[tokio::test]
    async fn the_first_part_comes_before_the_answer_and_a_failure_is_a_notice() {
        for fails in [false, true] {
            let (give, asked) = tokio::sync::oneshot::channel::<()>();
            let answer = async move {
                asked.await.unwrap();
                match fails {
                    true => Err(Failure::new(ProblemKind::Internal, "<slow> hosts")),
                    false => html(&Page { answer: "seven", ..EARLY }),
                }
            };
            let mut body =
                pin!(page(pages::text(&EARLY).unwrap(), answer).await.unwrap().into_body());
            let mut next = async || {
                let frame = std::future::poll_fn(|context| body.as_mut().poll_frame(context)).await;
                frame.map(|frame| frame.unwrap().into_data().unwrap())
            };
            // The answer is not there yet.
            assert_eq!(next().await.unwrap(), format!("<h1>Facts</h1>{MARK}{WAITING}"));
            give.send(()).unwrap();
            let last = String::from_utf8(next().await.unwrap().to_vec()).unwrap();
            match fails {
                true => assert!(
                    last.contains("&lt;slow&gt; hosts.") && last.ends_with("examples<hr>"),
                    "{last}"
                ),
                false => assert_eq!(last, "seven<hr>"),
            }
            assert_eq!(next().await, None);
        }
    }
}
