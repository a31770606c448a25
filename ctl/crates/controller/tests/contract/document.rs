//! The document that the controller serves, and clients that compare each answer with it.

use super::support::{Controller, http};
use boon::{Compiler, Schemas};
use serde_json::{Value, json};
use std::cell::RefCell;
use std::collections::BTreeSet;

/// The document's name in the compilation of its schemas.
const URL: &str = "urn:openapi";

/// The methods of operations.
const METHODS: [&str; 5] = ["get", "put", "post", "delete", "patch"];

/// The controller's OpenAPI document.
pub(super) struct Document {
    text: Value,
    /// The same, with schemas that accept no field which they do not name.
    closed: Value,
    called: RefCell<BTreeSet<String>>,
}

/// One operation's place in the document.
struct Operation<'d> {
    path: &'d str,
    method: &'d str,
    content: &'d Value,
}

/// A request.
#[derive(Clone, Default)]
pub(super) struct Call {
    /// The operation's id.
    pub(super) operation: String,
    /// The values of the path's segments, by name; the document's examples for others.
    pub(super) segments: Vec<(&'static str, String)>,
    /// The query, encoded.
    pub(super) query: String,
    /// Headers beside the token.
    pub(super) headers: Vec<(&'static str, String)>,
    /// The body.
    pub(super) body: Option<Value>,
}

/// An answer that is as the document says.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) media_type: String,
    pub(super) text: String,
    /// The cookie that it sets, as the client sends it.
    pub(super) cookie: Option<String>,
}

impl Answer {
    /// Returns the body, which must be JSON.
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("not JSON: {}", self.text))
    }
}

/// A client with or without a token.
pub(super) struct Client<'d> {
    document: &'d Document,
    base: String,
    bearer: Option<String>,
}

impl Call {
    /// A call whose path has the document's examples for segments.
    pub(super) fn with_examples(operation: &str) -> Self {
        Self { operation: operation.to_owned(), ..Self::default() }
    }
}

impl Document {
    /// Reads the document from the controller.
    pub(super) fn of(controller: &Controller) -> Self {
        let (status, text) = controller.get("/openapi.json");
        assert_eq!(status, 200, "{text}");
        let mut closed = text.clone();
        close(&mut closed);
        Self { text, closed, called: RefCell::default() }
    }

    /// Makes a client.
    pub(super) fn client(&self, controller: &Controller, bearer: Option<String>) -> Client<'_> {
        self.client_at(controller.api.trim_end_matches("/api/v1"), bearer)
    }

    /// Makes a client of another controller.
    pub(super) fn client_at(&self, base: &str, bearer: Option<String>) -> Client<'_> {
        Client { document: self, base: base.to_owned(), bearer }
    }

    fn all(&self) -> impl Iterator<Item = Operation<'_>> {
        self.text["paths"].as_object().unwrap().iter().flat_map(|(path, item)| {
            METHODS.iter().filter_map(move |method| {
                item.get(*method).map(|content| Operation { path, method, content })
            })
        })
    }

    fn find(&self, id: &str) -> Operation<'_> {
        let found = self.all().find(|operation| operation.content["operationId"] == id);
        found.unwrap_or_else(|| panic!("the document has no operation {id}"))
    }

    /// Returns the ids of all operations.
    pub(super) fn operations(&self) -> impl Iterator<Item = &str> {
        self.all().map(|operation| operation.content["operationId"].as_str().unwrap())
    }

    /// Returns whether an operation is for operators only.
    pub(super) fn needs_a_token(&self, id: &str) -> bool {
        !self.find(id).content["security"].as_array().unwrap().is_empty()
    }

    /// Returns whether an operation has parameters in its query.
    pub(super) fn has_query(&self, id: &str) -> bool {
        let parameters = self.find(id).content["parameters"].as_array();
        parameters.into_iter().flatten().any(|parameter| parameter["in"] == "query")
    }

    /// Returns whether an operation takes a body.
    pub(super) fn has_body(&self, id: &str) -> bool {
        self.find(id).content.get("requestBody").is_some()
    }

    /// Fails if an operation has not been called with success, but for those that could not be.
    pub(super) fn check_all_were_called(&self, skipped: &[&str]) {
        let called = self.called.borrow();
        let is_missing = |id: &&str| !called.contains(*id) && !skipped.contains(id);
        let missing: Vec<_> = self.operations().filter(is_missing).collect();
        assert!(missing.is_empty(), "no successful call of {missing:?}: add one to calls.rs");
    }

    /// Hands out every description of a body, with its JSON pointer.
    pub(super) fn each_content(&self, mut take: impl FnMut(&str, &Value)) {
        let mut rest = vec![(String::new(), &self.text)];
        while let Some((pointer, value)) = rest.pop() {
            for (name, inner) in value.as_object().into_iter().flatten() {
                let pointer = format!("{pointer}/{}", escaped(name));
                if name == "content" {
                    for (media_type, content) in inner.as_object().into_iter().flatten() {
                        take(&format!("{pointer}/{}", escaped(media_type)), content);
                    }
                }
                rest.push((pointer, inner));
            }
        }
    }

    /// Checks a value against the schema at a JSON pointer.
    pub(super) fn check(&self, pointer: &str, value: &Value, what: &str) {
        let mut compiler = Compiler::new();
        compiler.enable_format_assertions();
        compiler.add_resource(URL, self.closed.clone()).unwrap();
        let mut schemas = Schemas::new();
        let schema = compiler
            .compile(&format!("{URL}#{}", percent(pointer)), &mut schemas)
            .unwrap_or_else(|error| panic!("{pointer}: {error:#}"));
        if let Err(error) = schemas.validate(value, schema) {
            panic!("{what} at {pointer}: {error:#}\n{value:#}");
        }
    }

    /// Follows a reference to a component.
    fn resolve(&self, pointer: String) -> (String, &Value) {
        let value = self.text.pointer(&pointer).unwrap_or_else(|| panic!("no {pointer}"));
        match value["$ref"].as_str() {
            Some(reference) => self.resolve(reference.trim_start_matches('#').to_owned()),
            None => (pointer, value),
        }
    }
}

impl Client<'_> {
    /// Calls an operation and checks the answer.
    pub(super) fn call(&self, call: &Call) -> Answer {
        let operation = self.document.find(&call.operation);
        let answer = self.send(&operation, call);
        self.check(&operation, call, &answer);
        if answer.status < 300 {
            self.document.called.borrow_mut().insert(call.operation.clone());
        }
        answer
    }

    /// Calls an operation, which must succeed, and returns the JSON of its answer.
    pub(super) fn get(&self, call: &Call) -> Value {
        let answer = self.call(call);
        assert!(answer.status < 300, "{}: {}", call.operation, answer.text);
        answer.json()
    }

    fn send(&self, operation: &Operation<'_>, call: &Call) -> Answer {
        let mut path = operation.path.to_owned();
        let parameters = operation.content["parameters"].as_array();
        for parameter in parameters.into_iter().flatten().filter(|one| one["in"] == "path") {
            let name = parameter["name"].as_str().unwrap();
            let given = call.segments.iter().find(|(segment, _)| *segment == name);
            let example = match &parameter["example"] {
                Value::Null => None,
                Value::String(text) => Some(text.clone()),
                number => Some(number.to_string()),
            };
            let value = given.map(|(_, value)| value.clone()).or(example);
            let value =
                value.unwrap_or_else(|| panic!("{} has no example of {name}", call.operation));
            path = path.replace(&format!("{{{name}}}"), &value);
        }
        let query = if call.query.is_empty() { String::new() } else { format!("?{}", call.query) };
        let method = operation.method.to_uppercase();
        let mut request = ureq::http::Request::builder()
            .method(method.as_str())
            .uri(format!("{}{path}{query}", self.base));
        if let Some(bearer) = &self.bearer {
            request = request.header("Authorization", bearer);
        }
        for (name, value) in &call.headers {
            request = request.header(*name, value);
        }
        let body = call.body.as_ref().filter(|_| operation.content.get("requestBody").is_some());
        let response = match body {
            Some(body) => {
                let request = request.header("Content-Type", "application/json");
                http().run(request.body(body.to_string()).unwrap())
            }
            // With a length, which a body of no type would not have.
            None => http().run(request.body(String::new()).unwrap()),
        };
        let mut response = response.unwrap();
        let header = |name: &str| {
            response.headers().get(name).map(|value| value.to_str().unwrap().to_owned())
        };
        let media_type = header("content-type").unwrap_or_default();
        let media_type = media_type.split(';').next().unwrap_or_default().to_owned();
        let cookie = header("set-cookie").map(|set| set.split(';').next().unwrap().to_owned());
        let status = response.status().as_u16();
        let text = response.body_mut().read_to_string().unwrap();
        Answer { status, media_type, text, cookie }
    }

    fn check(&self, operation: &Operation<'_>, call: &Call, answer: &Answer) {
        let id = &call.operation;
        let place = format!("/paths/{}/{}", escaped(operation.path), operation.method);
        let status = format!("{place}/responses/{}", answer.status);
        assert!(
            self.document.text.pointer(&status).is_some(),
            "{id}: the document does not know the answer {} {}",
            answer.status,
            answer.text
        );
        if answer.status < 300
            && let Some(body) = &call.body
        {
            let schema = format!("{place}/requestBody/content/application~1json/schema");
            self.document.check(&schema, body, &format!("the accepted request of {id}"));
        }
        let (status, response) = self.document.resolve(status);
        let Some(contents) = response["content"].as_object() else {
            assert_eq!(answer.text, "", "{id}: the document knows no body of this answer");
            return;
        };
        let content = contents.get(&answer.media_type).unwrap_or_else(|| {
            panic!("{id}: the document does not know {} {}", answer.media_type, answer.text)
        });
        if answer.media_type.ends_with("json") && !answer.media_type.ends_with("ndjson") {
            let pointer = format!("{status}/content/{}/schema", escaped(&answer.media_type));
            self.document.check(&pointer, &answer.json(), &format!("the answer of {id}"));
        }
        if answer.media_type == "application/problem+json" {
            let kind = answer.json()["type"].as_str().unwrap().to_owned();
            let known = content["examples"].as_object().into_iter().flatten();
            let known: Vec<_> = known.map(|(_, example)| &example["value"]["type"]).collect();
            assert!(known.contains(&&json!(kind)), "{id}: unknown problem: {}", answer.text);
            assert_eq!(answer.json()["status"], answer.status, "{id}");
        }
    }
}

/// Makes every schema with named fields accept no others, unless it says what they are.
fn close(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.values_mut().for_each(close);
            let is_schema = map.get("type").is_some_and(|kind| kind == "object")
                && map.get("properties").is_some_and(Value::is_object);
            if is_schema && !map.contains_key("additionalProperties") {
                map.insert("additionalProperties".to_owned(), json!(false));
            }
        }
        Value::Array(values) => values.iter_mut().for_each(close),
        _ => {}
    }
}

/// Escapes a name in a JSON pointer.
fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// Encodes what a URL's fragment may not hold.
fn percent(pointer: &str) -> String {
    pointer.replace('{', "%7B").replace('}', "%7D").replace('+', "%2B")
}
