//! What a proxy-wasm filter costs before it thinks of anything.
//!
//! Its configuration says which: empty for a filter that does nothing, or one
//! edit a line, `-name` to remove a header of the request, `=name value` to set
//! one and `+name value` to add one, which is cheaper. With edits it reads the
//! whole header map first, as a filter that decides about requests has to.

use std::rc::Rc;

use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::{Action, ContextType, LogLevel};

proxy_wasm::main! {{
    proxy_wasm::set_log_level(LogLevel::Warn);
    proxy_wasm::set_root_context(|_| Box::new(Root { edits: Rc::default() }));
}}

struct Root {
    edits: Rc<[Edit]>,
}

enum Edit {
    Remove(String),
    Set(String, String),
    Add(String, String),
}

impl Edit {
    fn read(line: &str) -> Option<Edit> {
        if let Some(name) = line.strip_prefix('-') {
            return Some(Edit::Remove(name.to_owned()));
        }
        let (name, value) = line.get(1..)?.split_once(' ')?;
        let (name, value) = (name.to_owned(), value.to_owned());
        match line.chars().next()? {
            '=' => Some(Edit::Set(name, value)),
            '+' => Some(Edit::Add(name, value)),
            _ => None,
        }
    }
}

impl Context for Root {}

impl RootContext for Root {
    fn on_configure(&mut self, _size: usize) -> bool {
        let text = self.get_plugin_configuration().unwrap_or_default();
        let Ok(text) = std::str::from_utf8(&text) else {
            return false;
        };
        let edits: Option<Vec<Edit>> = text.lines().map(Edit::read).collect();
        match edits {
            Some(edits) => self.edits = edits.into(),
            None => return false,
        }
        true
    }

    fn create_http_context(&self, _id: u32) -> Option<Box<dyn HttpContext>> {
        if self.edits.is_empty() {
            return Some(Box::new(Empty));
        }
        Some(Box::new(Floor { edits: Rc::clone(&self.edits) }))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}

struct Empty;

impl Context for Empty {}

impl HttpContext for Empty {}

struct Floor {
    edits: Rc<[Edit]>,
}

impl Context for Floor {}

impl HttpContext for Floor {
    fn on_http_request_headers(&mut self, _count: usize, _end_of_stream: bool) -> Action {
        // Read for good: the compiler must not find out that nobody looks.
        std::hint::black_box(self.get_http_request_headers_bytes());
        for edit in &*self.edits {
            match edit {
                Edit::Remove(name) => self.set_http_request_header_bytes(name, None),
                Edit::Set(name, value) => self.set_http_request_header_bytes(name, Some(value.as_bytes())),
                Edit::Add(name, value) => self.add_http_request_header_bytes(name, value.as_bytes()),
            }
        }
        Action::Continue
    }
}
