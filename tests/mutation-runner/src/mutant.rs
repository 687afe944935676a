//! What a mutant is: cargo-mutants says so, and this reads its list.

use std::collections::HashMap;

use serde_json::Value;

/// Line and column, both counted from 1, the column in characters.
pub(crate) type Position = (usize, usize);

/// One change of the sources.
#[derive(Clone, Debug)]
pub(crate) struct Mutant {
    pub(crate) file: String,
    pub(crate) start: Position,
    pub(crate) end: Position,
    pub(crate) genre: String,
    pub(crate) replacement: String,
    /// File, change and function without a position, numbered where one function has several:
    /// what stays the same when other lines move.
    pub(crate) key: String,
}

/// The mutants of what `cargo mutants --list --json` printed; the number of a mutant is its place.
pub(crate) fn read_list(text: &str) -> Result<Vec<Mutant>, String> {
    let list: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let list = list.as_array().ok_or("the list of mutants is no array")?;
    let mut mutants = Vec::new();
    let mut names: HashMap<String, Vec<usize>> = HashMap::new();
    for (number, entry) in list.iter().enumerate() {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let position = |which: &str| {
            let at = &entry["span"][which];
            let part = |name: &str| at[name].as_u64().unwrap_or(0) as usize;
            (part("line"), part("column"))
        };
        let file = text(&entry["file"]);
        let start = position("start");
        let name = text(&entry["name"]);
        let change = name
            .strip_prefix(&format!("{file}:{}:{}: ", start.0, start.1))
            .ok_or_else(|| format!("a mutant without its place: {name}"))?;
        let key = format!("{file}: {change}").replace('\n', " ");
        names.entry(key.clone()).or_default().push(number);
        mutants.push(Mutant {
            file,
            start,
            end: position("end"),
            genre: text(&entry["genre"]),
            replacement: text(&entry["replacement"]),
            key,
        });
    }
    for numbers in names.values().filter(|numbers| numbers.len() > 1) {
        for (index, number) in numbers.iter().enumerate() {
            let suffix = format!(" ({} of {})", index + 1, numbers.len());
            mutants[*number].key.push_str(&suffix);
        }
    }
    Ok(mutants)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_change_of_one_function_is_numbered() {
        let entry = |line: u32, change: &str| {
            serde_json::json!({"file": "a.rs", "genre": "BinaryOperator", "replacement": "-",
                "name": format!("a.rs:{line}:3: {change} in f"),
                "span": {"start": {"line": line, "column": 3}, "end": {"line": line, "column": 4}}})
        };
        let plus = "replace + with -";
        let list =
            serde_json::json!([entry(1, plus), entry(2, "replace + with *"), entry(9, plus)]);
        let keys: Vec<String> = read_list(&list.to_string())
            .unwrap()
            .into_iter()
            .map(|mutant| mutant.key)
            .collect();
        assert_eq!(
            keys,
            [
                "a.rs: replace + with - in f (1 of 2)",
                "a.rs: replace + with * in f",
                "a.rs: replace + with - in f (2 of 2)",
            ]
        );
    }
}
