//! `-o FORMAT`.

use clap::{Args, ValueEnum};

/// How a list or a document is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Aligned columns, as wide as the terminal; whole when piped
    #[default]
    Table,
    /// A table with all columns, never cut
    Wide,
    /// The names alone, one per line
    Name,
    /// The controller's own JSON
    Json,
    /// The same as YAML
    Yaml,
}

/// The flags that choose the format.
#[derive(Debug, Args)]
pub(crate) struct Output {
    /// How to print: table, wide (all columns), name, json or yaml
    #[arg(
        short = 'o',
        long = "output",
        value_name = "FORMAT",
        value_enum,
        default_value_t,
        hide_default_value = true,
        hide_possible_values = true
    )]
    output: Format,

    /// The same as -o json
    #[arg(long, conflicts_with = "output")]
    json: bool,
}

impl Output {
    /// Returns the format.
    pub(crate) fn format(&self) -> Format {
        if self.json { Format::Json } else { self.output }
    }
}
