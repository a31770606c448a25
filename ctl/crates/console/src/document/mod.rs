//! Draws a provider's answer as people read it: values by name, lists of things as tables.
//!
//! What a field is called and which come first follows from the provider's own schema ([`schema`]);
//! without one, from the shape of the answer, so a provider of a third party is drawn as well.
//! Both come from a host, and may be anything: markup is constant and every text is escaped
//! ([`html`]); depth, width and length are bounded, and what is left out is said and linked.

mod columns;
mod html;
mod json;
mod name;
mod schema;
mod table;
pub(crate) mod value;

pub(crate) use html::Html;
pub(crate) use json::Json;
pub(crate) use schema::Schema;

use crate::markup::Markup;
use table::Table;

/// The most bytes of markup that an answer becomes: a page has at most 100 KB.
const LIMIT: usize = 68 << 10;

/// Levels of objects that are drawn; deeper ones are shown as JSON.
const DEPTH: usize = 6;

/// Rows of a table in one page.
pub(crate) const ROWS: usize = 50;

/// Members of one object that are drawn.
const MEMBERS: usize = 300;

/// How an answer is looked at.
#[derive(Clone, Debug)]
pub(crate) struct View {
    /// The page's path.
    pub(crate) path: String,
    /// What every link keeps in its query.
    pub(crate) keep: Vec<(&'static str, String)>,
    /// The list that is shown alone, as a JSON pointer.
    pub(crate) list: Option<String>,
    /// Only rows that mention this.
    pub(crate) filter: String,
    /// The first row.
    pub(crate) from: usize,
    /// The present time, in milliseconds since 1970.
    pub(crate) now: i64,
}

/// A drawn answer.
#[derive(Debug)]
pub(crate) struct Drawn {
    /// The drawing.
    pub(crate) html: Markup,
    /// Whether a part is left out.
    pub(crate) cut: bool,
}

/// Draws an answer, or the list in it that the view names.
pub(crate) fn draw(answer: &Json, schema: Option<Schema<'_>>, view: &View) -> Drawn {
    let none = serde_json::Value::Null;
    let mut drawing = Drawing { html: Html::new(LIMIT), view, cut: false };
    let schema = schema.unwrap_or_else(|| Schema::new(&none));
    match &view.list {
        Some(pointer) => drawing.alone(answer, schema, pointer),
        None => drawing.whole(answer, schema),
    }
    Drawn { cut: drawing.cut, html: drawing.html.finish() }
}

/// A drawing on its way.
struct Drawing<'a> {
    html: Html,
    view: &'a View,
    cut: bool,
}

/// A member of an object, with what is known of it.
struct Member<'a> {
    name: &'a str,
    value: &'a Json,
    schema: Schema<'a>,
}

impl Member<'_> {
    /// Returns whether it has a heading of its own.
    fn is_section(&self) -> bool {
        match self.value {
            Json::Object(members) => !members.is_empty(),
            Json::List(elements) => elements.iter().any(|element| !element.is_scalar()),
            _ => false,
        }
    }

    fn title(&self) -> String {
        match self.schema.title() {
            Some(title) => title.chars().take(80).collect(),
            None => name::title(self.name),
        }
    }
}

/// Returns an object's members in the provider's order, without those that repeat others.
fn members<'a>(object: &'a [(String, Json)], schema: Schema<'a>) -> Vec<Member<'a>> {
    let order = schema.members();
    let place = |name: &str| order.iter().position(|known| *known == name).unwrap_or(usize::MAX);
    let has = |name: &str| object.iter().any(|(key, value)| key == name && !value.is_empty());
    let mut members: Vec<Member<'a>> = object
        .iter()
        .filter(|(name, _)| !name::repeats(name, has))
        .map(|(name, value)| Member { name, value, schema: schema.member(name) })
        .collect();
    members.sort_by_key(|member| place(member.name));
    members
}

impl<'a> Drawing<'a> {
    fn whole(&mut self, answer: &'a Json, schema: Schema<'a>) {
        match answer {
            Json::Object(object) => self.object(object, schema, "", 0),
            Json::List(elements) if elements.iter().any(|element| !element.is_scalar()) => {
                self.html.markup("<section class=\"card\">");
                self.list(elements, schema, "");
                self.html.markup("</section>");
            }
            value => {
                self.html.markup("<section class=\"card\"><p>");
                value::draw(&mut self.html, "", value, self.view.now);
                self.html.markup("</p></section>");
            }
        }
    }

    /// Draws one list alone.
    fn alone(&mut self, answer: &'a Json, schema: Schema<'a>, pointer: &str) {
        let Some(Json::List(elements)) = answer.at(pointer) else {
            self.html.markup("<p class=\"empty\">The answer has no such list now.</p>");
            return;
        };
        let mut schema = schema;
        let mut title = String::from("List");
        for name in pointer.split('/').skip(1) {
            schema =
                if name.parse::<usize>().is_ok() { schema.element() } else { schema.member(name) };
            title = name::title(&name.replace("~1", "/").replace("~0", "~"));
        }
        self.html.markup("<section class=\"card\"><h2>").text(&title).markup("</h2>");
        self.list(elements, schema, pointer);
        self.html.markup("</section>");
    }

    /// Draws an object: its values, then what has a heading of its own.
    fn object(
        &mut self,
        object: &'a [(String, Json)],
        schema: Schema<'a>,
        pointer: &str,
        depth: usize,
    ) {
        let members = members(object, schema);
        let (sections, values): (Vec<_>, Vec<_>) =
            members.into_iter().take(MEMBERS).partition(Member::is_section);
        if object.len() > MEMBERS {
            self.cut = true;
        }
        if !values.is_empty() {
            let card = depth == 0;
            self.html.markup(if card { "<section class=\"card\">" } else { "" });
            self.values(&values);
            self.html.markup(if card { "</section>" } else { "" });
        }
        for section in &sections {
            if self.html.is_full() {
                self.cut = true;
                return;
            }
            self.section(section, &json::below(pointer, section.name), depth);
        }
    }

    /// Draws values by name. Those that are not known come last, in one line.
    fn values(&mut self, values: &[Member<'a>]) {
        let (unknown, known): (Vec<_>, Vec<_>) =
            values.iter().partition(|member| member.value.is_empty());
        if !known.is_empty() {
            self.html.markup("<dl class=\"kv\">");
            for member in known {
                if self.html.is_full() {
                    self.cut = true;
                    break;
                }
                self.html.markup("<dt");
                if let Some(about) = member.schema.description() {
                    self.html.markup(" title=\"").tip(about, 300).markup("\"");
                }
                self.html.markup("><bdi>").text(&member.title()).markup("</bdi></dt><dd>");
                value::draw(&mut self.html, member.name, member.value, self.view.now);
                self.html.markup("</dd>");
            }
            self.html.markup("</dl>");
        }
        if !unknown.is_empty() && !self.html.is_full() {
            self.html.markup("<p class=\"muted unknown\">Not known or none: ");
            for (number, member) in unknown.iter().enumerate().take(24) {
                self.html.text(if number > 0 { ", " } else { "" });
                self.html.isolated(&member.title());
            }
            self.html.text(if unknown.len() > 24 { " …" } else { "" }).markup("</p>");
        }
    }

    fn section(&mut self, member: &Member<'a>, pointer: &str, depth: usize) {
        if depth >= DEPTH {
            return self.as_json(member);
        }
        match depth {
            0 => self.html.markup("<section class=\"card\"><h2>"),
            1 => self.html.markup("<section class=\"part\"><h3>"),
            _ => self.html.markup("<section class=\"part\"><h4>"),
        };
        self.html.isolated(&member.title());
        self.html.markup(match depth {
            0 => "</h2>",
            1 => "</h3>",
            _ => "</h4>",
        });
        if let Some(about) = member.schema.description() {
            self.html.markup("<p class=\"muted about\">").described(&first_sentence(about), 200);
            self.html.markup("</p>");
        }
        match member.value {
            Json::Object(object) => self.object(object, member.schema, pointer, depth + 1),
            Json::List(elements) => self.list(elements, member.schema, pointer),
            _ => {}
        }
        self.html.markup("</section>");
    }

    /// Draws what is too deep.
    fn as_json(&mut self, member: &Member<'a>) {
        self.html.markup("<p class=\"muted\">").isolated(&member.title());
        self.html.text(": nested too deep to be drawn; see the JSON").markup("</p>");
        self.cut = true;
    }

    /// Draws a list of things.
    fn list(&mut self, elements: &'a [Json], schema: Schema<'a>, pointer: &str) {
        Table::new(elements, schema.element(), pointer, self.view)
            .draw(&mut self.html, &mut self.cut);
    }
}

/// Returns the first sentence of a description, in one line.
fn first_sentence(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.find(". ") {
        Some(end) => line[..=end].to_owned(),
        None => line,
    }
}

#[cfg(test)]
mod tests;
