//! RFC 7396 JSON Merge Patch, and the `$names` of vector files.

use std::collections::BTreeMap;

use serde_json::Value;

/// `target` with the members of `patch` put in, `null` taking one out.
pub(super) fn merged(target: Value, patch: Value) -> Value {
    let Value::Object(patch) = patch else {
        return patch;
    };
    let Value::Object(mut members) = (match target {
        Value::Object(_) => target,
        _ => Value::Object(serde_json::Map::new()),
    }) else {
        return Value::Null;
    };
    for (name, value) in patch {
        if value.is_null() {
            members.remove(&name);
        } else {
            let before = members.remove(&name).unwrap_or(Value::Null);
            members.insert(name, merged(before, value));
        }
    }
    Value::Object(members)
}

/// `text` with every `$name` replaced.
///
/// # Errors
/// A name that the file does not define.
pub(super) fn with_names(text: &str, names: &BTreeMap<String, String>) -> Result<String, String> {
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        result.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        let length = after
            .find(|character: char| !(character.is_ascii_alphanumeric() || character == '_'))
            .unwrap_or(after.len());
        let name = &after[..length];
        let value = names
            .get(name)
            .ok_or_else(|| format!("`${name}` is not among the names of the file"))?;
        result.push_str(value);
        rest = &after[length..];
    }
    result.push_str(rest);
    Ok(result)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn patches_merge_and_remove() {
        assert_eq!(
            merged(
                json!({"a": {"b": 1, "c": 2}}),
                json!({"a": {"b": null, "d": [3]}, "e": 4})
            ),
            json!({"a": {"c": 2, "d": [3]}, "e": 4})
        );
        assert_eq!(
            merged(json!({"a": [1]}), json!({"a": [2]})),
            json!({"a": [2]})
        );
    }

    #[test]
    fn names_are_replaced_and_unknown_ones_refused() {
        let names = BTreeMap::from([("ada".to_owned(), "x".to_owned())]);
        assert_eq!(with_names("\"$ada\"", &names).unwrap(), "\"x\"");
        assert!(with_names("$adam", &names).is_err());
    }
}
