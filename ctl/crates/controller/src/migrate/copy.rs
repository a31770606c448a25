//! Copies a table: a thread reads the source and writes COPY's binary format, in pieces, which go to
//! the server one after the other. At most [`PIECES`] of them wait.

use super::SharedTable;
use super::error::{self, MigrateError};
use super::progress::Progress;
use super::read;
use crate::store::{MigrationSource, MigrationTarget};
use futures_util::SinkExt as _;
use rusqlite::Connection;
use std::io::Cursor;
use std::ops::ControlFlow;
use std::pin::pin;
use tokio::sync::mpsc;

/// Bytes of a piece; a larger row is a piece of its own.
const PIECE: usize = 256 << 10;

/// Pieces that wait for the server.
const PIECES: usize = 4;

/// The head of COPY's binary format: its signature, no flags, no extension.
const HEAD: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";

/// Its end.
const END: &[u8] = &[0xff, 0xff];

/// Whole rows.
struct Piece {
    bytes: Vec<u8>,
    rows: u64,
}

/// Copies a table.
///
/// # Errors
/// When the source cannot be read or the server does not take a row.
pub(super) async fn copy(
    source: &MigrationSource,
    target: &MigrationTarget,
    table: &SharedTable,
) -> Result<(), MigrateError> {
    let (pieces, mut received) = mpsc::channel(PIECES);
    let connection = source.connect()?;
    let reading = {
        let table = SharedTable::clone(table);
        tokio::task::spawn_blocking(move || pieces_of(&connection, &table, &pieces))
    };
    let doing = format!("cannot write the table {}", table.name);
    let failed = || error::server(doing.clone());
    let statement = table.copy_in();
    let sink = target.client().copy_in::<_, Cursor<Vec<u8>>>(&statement).await;
    let mut sink = pin!(sink.map_err(failed())?);
    let mut shown = Progress::of("copying", &table.name);
    sink.send(Cursor::new(HEAD.to_vec())).await.map_err(failed())?;
    while let Some(Piece { bytes, rows }) = received.recv().await {
        if let Err(error) = sink.send(Cursor::new(bytes)).await {
            // The server's own error, if it gave one.
            let error = sink.finish().await.err().unwrap_or(error);
            return Err(failed()(error));
        }
        shown.add(rows);
    }
    error::joined(reading).await??;
    sink.send(Cursor::new(END.to_vec())).await.map_err(failed())?;
    let written = sink.finish().await.map_err(failed())?;
    shown.end("");
    if written == shown.rows() {
        return Ok(());
    }
    let what = format!("{} rows were read, {written} written", shown.rows());
    Err(MigrateError::Differs { table: table.name.clone(), what })
}

/// Reads all rows, as long as someone wants them.
fn pieces_of(
    source: &Connection,
    table: &SharedTable,
    pieces: &mpsc::Sender<Piece>,
) -> Result<(), MigrateError> {
    let fields = i16::try_from(table.columns.len()).unwrap_or(i16::MAX);
    let new = || Piece { bytes: Vec::with_capacity(PIECE + PIECE / 4), rows: 0 };
    let mut piece = new();
    read::each_row(source, table, false, |values| {
        piece.bytes.extend(fields.to_be_bytes());
        for (place, value) in values.iter().enumerate() {
            value
                .write_field(table.columns[place].kind, &mut piece.bytes)
                .map_err(|why| read::unfit(table, place, why))?;
        }
        piece.rows += 1;
        if piece.bytes.len() < PIECE {
            return Ok(ControlFlow::Continue(()));
        }
        Ok(match pieces.blocking_send(std::mem::replace(&mut piece, new())) {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        })
    })?;
    // Where nobody wants it, the copy has failed, and says why.
    let _ = pieces.blocking_send(piece);
    Ok(())
}
