//! A running command's output to its caller, as lines of `"resp":"output"` at the session's pace
//! (§5).
//!
//! `sync` uses it for a request with `stream`. Each line has its place in the session's queue
//! before the next piece of output is taken, so one piece and one line wait, however slow the
//! reader.

use super::encode::encode;
use crate::exec::{OutputPiece, unfinished};
use agent_wire::message::{Encoding, Output, line};
use std::mem;
use tokio::sync::mpsc;

/// Pieces of output that wait; the command waits with one more.
pub(super) const MAX_WAITING_PIECES: usize = 1;

/// The output lines of one request.
pub(super) struct Frames<'a> {
    id: &'a str,
    encoding: Encoding,
    pieces: mpsc::Receiver<OutputPiece>,
    channel: &'a mpsc::Sender<Vec<u8>>,
    /// Taken from the command and not yet queued.
    next: Option<OutputPiece>,
    /// The beginning, in each stream, of a character whose rest is in the next piece.
    held: [Vec<u8>; 2],
}

impl<'a> Frames<'a> {
    /// Creates them; `channel` is the queue that the reply takes too, after the last line.
    pub(super) fn new(
        id: &'a str,
        encoding: Encoding,
        pieces: mpsc::Receiver<OutputPiece>,
        channel: &'a mpsc::Sender<Vec<u8>>,
    ) -> Self {
        Self { id, encoding, pieces, channel, next: None, held: Default::default() }
    }

    /// Forwards output until all of it is queued, or the session has ended: then the command goes
    /// on without a reader. It may be dropped and called again without losing anything.
    pub(super) async fn forward(&mut self) {
        loop {
            if self.next.is_none() {
                self.next = self.receive().await;
            }
            if self.next.is_none() {
                return;
            }
            let Ok(place) = self.channel.reserve().await else { return self.pieces.close() };
            if let Some(piece) = self.next.take() {
                let (data, encoding) = encode(piece.bytes, self.encoding);
                let mut bytes = Vec::with_capacity(data.len() + data.len() / 8 + 256);
                line(&Output::new(self.id, data, encoding, piece.stderr), &mut bytes);
                place.send(bytes);
            }
        }
    }

    /// Returns the next piece that ends with a whole character, or at the very end the rest.
    async fn receive(&mut self) -> Option<OutputPiece> {
        while let Some(OutputPiece { stderr, bytes }) = self.pieces.recv().await {
            let held = &mut self.held[usize::from(stderr)];
            let mut bytes = match held.is_empty() {
                true => bytes,
                false => [mem::take(held), bytes].concat(),
            };
            if self.encoding == Encoding::Auto {
                *held = bytes.split_off(bytes.len() - unfinished(&bytes));
            }
            if !bytes.is_empty() {
                return Some(OutputPiece { stderr, bytes });
            }
        }
        let stderr = self.held.iter().position(|held| !held.is_empty())?;
        Some(OutputPiece { stderr: stderr == 1, bytes: mem::take(&mut self.held[stderr]) })
    }

    /// Discards the output that was not queued. Returns its bytes, of standard output and of
    /// standard error.
    pub(super) fn dropped(mut self) -> [u64; 2] {
        let mut dropped = self.held.map(|held| held.len() as u64);
        self.pieces.close();
        let mut next = self.next;
        while let Some(piece) = next {
            dropped[usize::from(piece.stderr)] += piece.bytes.len() as u64;
            next = self.pieces.try_recv().ok();
        }
        dropped
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;
    use serde_json::Value;

    fn piece(stderr: bool, bytes: &[u8]) -> OutputPiece {
        OutputPiece { stderr, bytes: bytes.to_vec() }
    }

    async fn frames(encoding: Encoding, pieces: Vec<OutputPiece>) -> Vec<Value> {
        let (reader, received) = mpsc::channel(pieces.len());
        let (channel, mut lines) = mpsc::channel(pieces.len() + 2);
        for piece in pieces {
            reader.try_send(piece).unwrap();
        }
        drop(reader);
        Frames::new("1", encoding, received, &channel).forward().await;
        drop(channel);
        let mut all = Vec::new();
        while let Some(line) = lines.recv().await {
            all.push(serde_json::from_slice(&line).unwrap());
        }
        all
    }

    /// Returns the bytes of one stream, joined.
    fn whole(frames: &[Value], stream: &Value) -> Vec<u8> {
        let of_stream = frames.iter().filter(|frame| frame["stream"] == *stream);
        let bytes = |frame: &Value| {
            let data = frame["data"].as_str().unwrap();
            match frame["encoding"].as_str() {
                Some("base64") => base64::engine::general_purpose::STANDARD.decode(data).unwrap(),
                _ => data.as_bytes().to_vec(),
            }
        };
        of_stream.flat_map(bytes).collect()
    }

    #[tokio::test]
    async fn no_character_is_cut_in_two_however_the_output_comes() {
        let text = "aä€🦀".repeat(5);
        for size in 1..=12 {
            let pieces = text.as_bytes().chunks(size).map(|bytes| piece(false, bytes)).collect();
            let frames = frames(Encoding::Auto, pieces).await;
            assert!(
                frames.iter().all(|frame| frame["encoding"].is_null()),
                "by {size}: {frames:?}"
            );
            assert_eq!(whole(&frames, &Value::Null), text.as_bytes(), "by {size}");
        }
    }

    #[tokio::test]
    async fn only_a_piece_that_is_not_text_is_base64() {
        let pieces = [&b"text"[..], b"\xff\xfe", b"more", b"a\0b", b"\xe2\x82"];
        let frames = frames(Encoding::Auto, pieces.map(|bytes| piece(false, bytes)).to_vec()).await;
        let encodings: Vec<_> = frames.iter().map(|frame| frame["encoding"].as_str()).collect();
        assert_eq!(encodings, [None, Some("base64"), None, Some("base64"), Some("base64")]);
        assert_eq!(whole(&frames, &Value::Null), pieces.concat());
    }

    #[tokio::test]
    async fn requested_base64_is_never_held_back() {
        let frames =
            frames(Encoding::Base64, vec![piece(false, b"\xe2"), piece(false, b"\x82\xac")]).await;
        assert_eq!(frames.len(), 2);
        assert_eq!(whole(&frames, &Value::Null), "€".as_bytes());
    }

    #[tokio::test]
    async fn each_stream_keeps_its_own_order() {
        let pieces = vec![
            piece(false, b"\xe2"),
            piece(true, b"\xc3"),
            piece(false, b"\x82\xac"),
            piece(true, b"\xa4"),
        ];
        let frames = frames(Encoding::Auto, pieces).await;
        assert_eq!(whole(&frames, &Value::Null), "€".as_bytes());
        assert_eq!(whole(&frames, &"stderr".into()), "ä".as_bytes());
    }

    #[tokio::test]
    async fn output_that_a_stuck_session_does_not_take_is_counted() {
        let (reader, pieces) = mpsc::channel(1);
        let (channel, mut lines) = mpsc::channel(1);
        let mut frames = Frames::new("1", Encoding::Auto, pieces, &channel);
        let write = async {
            for bytes in [&b"first"[..], b"second", b"3\xe2"] {
                reader.send(piece(false, bytes)).await.unwrap();
            }
        };
        // The last piece has room once the second is taken, for which the session has none.
        tokio::select! {
            () = frames.forward() => panic!("nobody reads"),
            () = write => {}
        }
        assert_eq!(frames.dropped(), ["second3".len() as u64 + 1, 0]);
        assert!(std::str::from_utf8(&lines.recv().await.unwrap()).unwrap().contains("first"));
    }
}
