//! A list of things as a table: the columns that tell most, and the rest behind a click in each row.

use super::columns::{Column, NAMES, choose, columns, title};
use super::html::Html;
use super::json::Json;
use super::{ROWS, Schema, View, name, value};
use controller_api::path;

/// A list, ready to be drawn.
pub(super) struct Table<'a> {
    rows: Vec<&'a Json>,
    total: usize,
    schema: Schema<'a>,
    pointer: &'a str,
    view: &'a View,
    alone: bool,
}

impl<'a> Table<'a> {
    /// Takes a list, or the rows of it that the view selects.
    pub(super) fn new(
        elements: &'a [Json],
        schema: Schema<'a>,
        pointer: &'a str,
        view: &'a View,
    ) -> Self {
        let alone = view.list.as_deref() == Some(pointer);
        let needle = view.filter.to_lowercase();
        let fits = |row: &&Json| !alone || needle.is_empty() || row.mentions(&needle, &mut 2000);
        let rows = elements.iter().filter(fits).collect();
        Self { rows, total: elements.len(), schema, pointer, view, alone }
    }

    /// Draws the table, its heading and the way to further rows.
    pub(super) fn draw(&self, html: &mut Html, cut: &mut bool) {
        if self.alone {
            self.filter(html);
        }
        let from = if self.alone { self.view.from } else { 0 };
        let rows: Vec<&Json> = self.rows.iter().copied().skip(from).take(ROWS).collect();
        if rows.is_empty() {
            html.markup("<p class=\"empty\">");
            html.text(if self.total == 0 { "None." } else { "No row contains this text." });
            html.markup("</p>");
            return;
        }
        let shown = if rows.iter().all(|row| row.is_scalar()) {
            self.scalars(html, &rows)
        } else {
            self.table(html, &rows)
        };
        *cut |= shown < rows.len();
        self.pages(html, from, from + shown);
    }

    fn scalars(&self, html: &mut Html, rows: &[&Json]) -> usize {
        html.markup("<ul class=\"plain\">");
        let mut shown = 0;
        for row in rows {
            if html.is_full() {
                break;
            }
            html.markup("<li>");
            value::draw(html, "", row, self.view.now);
            html.markup("</li>");
            shown += 1;
        }
        html.markup("</ul>");
        shown
    }

    fn table(&self, html: &mut Html, rows: &[&'a Json]) -> usize {
        let all = columns(rows, self.schema);
        let (columns, same) = choose(&all, rows.len());
        if !same.is_empty() {
            html.markup("<p class=\"muted same\">All: ");
            for (number, (column, value)) in same.iter().enumerate() {
                html.text(if number > 0 { " · " } else { "" }).text(&title(column)).text(" ");
                value::brief(html, column.name, value, self.view.now);
            }
            html.markup("</p>");
        }
        html.markup("<div class=\"table-wrap\" tabindex=\"0\" role=\"region\" aria-label=\"");
        html.text(&self.title()).markup("\"><table class=\"facts\"><thead><tr>");
        for column in &columns {
            html.markup(if column.numbers {
                "<th scope=\"col\" class=\"num\""
            } else {
                "<th scope=\"col\""
            });
            if let Some(about) = column.schema.description() {
                html.markup(" title=\"").tip(about, 200).markup("\"");
            }
            html.markup(">").isolated(&title(column)).markup("</th>");
        }
        html.markup(
            "<th scope=\"col\"><span class=\"hidden\">More</span></th></tr></thead><tbody>",
        );
        let mut shown = 0;
        for row in rows {
            if html.is_full() {
                break;
            }
            self.row(html, row, &columns, &same);
            shown += 1;
        }
        html.markup("</tbody></table></div>");
        shown
    }

    fn row(
        &self,
        html: &mut Html,
        row: &Json,
        columns: &[&Column<'_>],
        same: &[(&Column<'_>, &Json)],
    ) {
        html.markup("<tr>");
        for column in columns {
            html.markup(if column.numbers { "<td class=\"num\">" } else { "<td>" });
            match row.member(column.name).filter(|value| !value.is_empty()) {
                Some(value) => value::brief(html, column.name, value, self.view.now),
                None => {
                    html.markup("<span class=\"muted\">—</span>");
                }
            }
            html.markup("</td>");
        }
        let stands = |name: &str| {
            columns.iter().any(|column| column.name == name)
                || same.iter().any(|(column, _)| column.name == name)
        };
        let Json::Object(members) = row else {
            html.markup("<td>");
            value::brief(html, "", row, self.view.now);
            html.markup("</td></tr>");
            return;
        };
        let has = |name: &str| members.iter().any(|(key, value)| key == name && !value.is_empty());
        let rest: Vec<&(String, Json)> = members
            .iter()
            .filter(|(name, value)| !value.is_empty() && !stands(name) && !name::repeats(name, has))
            .take(NAMES)
            .collect();
        html.markup("<td class=\"end\">");
        if !rest.is_empty() {
            html.markup("<details class=\"more\"><summary>").text(&rest.len().to_string());
            html.markup(" more</summary><dl class=\"kv\">");
            for (name, value) in rest {
                if html.is_full() {
                    break;
                }
                let schema = self.schema.member(name);
                html.markup("<dt><bdi>");
                html.clipped(&schema.title().map_or_else(|| name::title(name), str::to_owned), 80);
                html.markup("</bdi></dt><dd>");
                self.nested(html, name, value, 0);
                html.markup("</dd>");
            }
            html.markup("</dl></details>");
        }
        html.markup("</td></tr>");
    }

    /// Draws a member of a row: objects in it by name, and lists of things one below another.
    fn nested(&self, html: &mut Html, name: &str, value: &Json, depth: usize) {
        match value {
            Json::Object(members) if depth < 3 => {
                html.markup("<dl class=\"kv\">");
                for (name, value) in members.iter().take(NAMES) {
                    if html.is_full() {
                        break;
                    }
                    if value.is_empty() {
                        continue;
                    }
                    html.markup("<dt>").isolated(&name::title(name)).markup("</dt><dd>");
                    self.nested(html, name, value, depth + 1);
                    html.markup("</dd>");
                }
                html.markup("</dl>");
            }
            Json::List(elements) if elements.iter().any(|it| !it.is_scalar()) && depth < 3 => {
                for element in elements.iter().take(12) {
                    if html.is_full() {
                        break;
                    }
                    self.nested(html, name, element, depth + 1);
                }
                if elements.len() > 12 {
                    html.text(&format!("and {} more", elements.len() - 12));
                }
            }
            Json::Object(_) => {
                html.markup("<span class=\"muted\">see the JSON</span>");
            }
            value => value::draw(html, name, value, self.view.now),
        }
    }

    fn title(&self) -> String {
        let last = self.pointer.rsplit('/').next().unwrap_or_default();
        let title = name::title(&last.replace("~1", "/").replace("~0", "~"));
        if title.is_empty() { "List".to_owned() } else { title }
    }

    /// Draws the form that filters a list that is shown alone.
    fn filter(&self, html: &mut Html) {
        html.markup("<form class=\"toolbar\" method=\"get\" action=\"").text(&self.view.path);
        html.markup("\"><input type=\"hidden\" name=\"list\" value=\"").text(self.pointer);
        html.markup("\">");
        for (key, value) in &self.view.keep {
            html.markup("<input type=\"hidden\" name=\"").text(key).markup("\" value=\"");
            html.text(value).markup("\">");
        }
        html.markup("<label class=\"grow\"><span class=\"hidden\">Only rows that contain</span>");
        html.markup(
            "<input type=\"search\" name=\"q\" data-search placeholder=\"Only rows that contain…\"",
        );
        html.markup(" value=\"").clipped(&self.view.filter, 200).markup("\"></label>");
        html.markup("<button class=\"button\">Filter</button><span class=\"muted\">");
        let all = value::counted(self.total, "row");
        match self.view.filter.is_empty() {
            true => html.text(&all),
            false => {
                let found = value::grouped(&self.rows.len().to_string());
                html.text(&format!("{found} of {all}"))
            }
        };
        html.markup("</span></form>");
    }

    /// Draws the links to further rows.
    fn pages(&self, html: &mut Html, from: usize, to: usize) {
        let total = self.rows.len();
        if !self.alone {
            if to < total {
                html.markup("<p class=\"further\"><a class=\"button small\" href=\"");
                html.text(&self.link(None)).markup("\">");
                html.text(&format!("Show all {}", value::grouped(&total.to_string())));
                html.markup("</a></p>");
            }
            return;
        }
        if from == 0 && to >= total {
            return;
        }
        let number = |number: usize| value::grouped(&number.to_string());
        html.markup("<nav class=\"pager\" aria-label=\"Pages\"><span class=\"muted\">");
        html.text(&format!("{}–{} of {}", number(from + 1), number(to), number(total)));
        html.markup("</span>");
        if from > 0 {
            html.markup("<a class=\"button\" rel=\"prev\" href=\"");
            html.text(&self.link(Some(from.saturating_sub(ROWS)))).markup("\">Previous</a>");
        }
        if to < total {
            html.markup("<a class=\"button\" rel=\"next\" href=\"");
            html.text(&self.link(Some(to))).markup("\">Next</a>");
        }
        html.markup("</nav>");
    }

    fn link(&self, from: Option<usize>) -> String {
        let mut link = format!("{}?list={}", self.view.path, path::segment(self.pointer));
        if self.alone && !self.view.filter.is_empty() {
            link.push_str(&format!("&q={}", path::segment(&self.view.filter)));
        }
        if let Some(from) = from.filter(|from| *from > 0) {
            link.push_str(&format!("&from={from}"));
        }
        for (key, value) in &self.view.keep {
            link.push_str(&format!("&{key}={}", path::segment(value)));
        }
        link
    }
}
