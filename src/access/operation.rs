//! What is asked of Airbyte: one operation out of its own list.

use matchit::Router;

/// Airbyte's list, see the head of the file.
const TABLE: &str = include_str!("operations.tsv");

/// Whether an operation changes anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It only reads, so it may be sent twice.
    Reads,
    /// It changes something or starts something.
    Mutates,
}

/// One operation of Airbyte's HTTP interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operation {
    /// Airbyte's name for it.
    pub name: &'static str,
    /// Whether it changes anything.
    pub effect: Effect,
    /// Whether it starts pods or walks a source, and so runs for minutes.
    pub slow: bool,
    airbyte_role: &'static str,
}

impl Operation {
    /// Whether only Airbyte's own data planes call it.
    pub fn is_internal(&self) -> bool {
        self.airbyte_role == "dataplane_internal"
    }
}

/// All operations, by path and method.
pub struct Operations {
    paths: Router<Vec<(&'static str, Operation)>>,
}

impl Operations {
    /// Airbyte's own list, as it is compiled in.
    pub fn builtin() -> Operations {
        let mut rows: Vec<(&str, &str, Operation)> = TABLE.lines().filter_map(row).collect();
        rows.sort_by_key(|(_, path, _)| *path);
        let mut paths = Router::new();
        for methods in rows.chunk_by(|(_, one, _), (_, other, _)| one == other) {
            if let Some((_, path, _)) = methods.first() {
                let methods = methods.iter().map(|(method, _, operation)| (*method, *operation)).collect();
                // The table is ours and a test holds every row, so a path that
                // does not fit cannot be met at run time.
                let _ = paths.insert(*path, methods);
            }
        }
        Operations { paths }
    }

    /// The operation behind a method and a path without trailing slash.
    pub fn find(&self, method: &str, path: &str) -> Option<&Operation> {
        let methods = self.paths.at(path).ok()?.value;
        methods.iter().find(|(name, _)| *name == method).map(|(_, operation)| operation)
    }
}

fn row(line: &'static str) -> Option<(&'static str, &'static str, Operation)> {
    if line.starts_with('#') {
        return None;
    }
    let mut cells = line.split('\t');
    let (method, path, name, airbyte_role) = (cells.next()?, cells.next()?, cells.next()?, cells.next()?);
    let effect = if cells.next()? == "reads" { Effect::Reads } else { Effect::Mutates };
    let slow = cells.next() == Some("slow");
    Some((method, path, Operation { name, effect, slow, airbyte_role }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    #[test]
    fn every_row_is_found_by_its_own_path() {
        let operations = Operations::builtin();
        let rows: Vec<_> = TABLE.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(rows.len(), 481);
        for line in rows {
            let (method, path, operation) = row(line).unwrap_or_else(|| panic!("unreadable: {line}"));
            let path = path.replace(['{', '}'], "");
            assert_eq!(operations.find(method, &path), Some(&operation), "{line}");
        }
    }

    #[test]
    fn what_is_not_in_the_list_is_no_operation() {
        let operations = Operations::builtin();
        for (method, path) in [
            ("GET", "/api/v1/connections/sync"),
            ("POST", "/api/v1/connections/syncs"),
            ("POST", "/API/v1/connections/sync"),
            ("post", "/api/v1/connections/sync"),
            ("GET", "/api/public/v1/jobs/1/2"),
            ("GET", "/"),
            ("GET", ""),
        ] {
            assert_eq!(operations.find(method, path), None, "{method} {path}");
        }
    }

    #[test]
    fn the_long_calls_people_complain_about_are_slow() {
        let operations = Operations::builtin();
        for (method, path) in [
            ("POST", "/api/v1/sources/discover_schema"),
            ("POST", "/api/v1/connections/sync"),
            ("POST", "/api/public/v1/connections"),
            ("GET", "/api/public/v1/streams"),
        ] {
            assert!(operations.find(method, path).unwrap().slow, "{method} {path}");
        }
        assert!(!operations.find("GET", "/api/public/v1/connections").unwrap().slow);
    }
}
