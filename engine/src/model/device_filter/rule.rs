//! The language of device rules: comparisons of `device.x`, joined by `-and`, `-or`, `-not`.
//!
//! ```text
//! or         = and *( "-or" and )
//! and        = unary *( "-and" unary )
//! unary      = "-not" unary / "(" or ")" / comparison
//! comparison = "device." name operator ( value / "[" value *( "," value ) "]" )
//! value      = quoted text / bare word          ; `null` and `$null` are null
//! ```
//!
//! Keywords are read in any letter case, and the connectives without their dash too, as the
//! portal stores them. Depth is bounded, so a rule cannot exhaust the stack.

/// A rule, compiled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Rule {
    And(Vec<Rule>),
    Or(Vec<Rule>),
    Not(Box<Rule>),
    Comparison(Comparison),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Comparison {
    /// Without `device.`.
    pub(super) attribute: String,
    pub(super) operator: Operator,
    /// One value; for `-in` and `-notIn` any number.
    pub(super) values: Vec<Value>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    Null,
    Text(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Equal,
    NotEqual,
    StartsWith,
    NotStartsWith,
    EndsWith,
    NotEndsWith,
    Contains,
    NotContains,
    In,
    NotIn,
}

/// Why a rule cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message} (at character {position})")]
pub struct DeviceRuleError {
    /// Offset in characters.
    pub position: usize,
    /// What was expected there.
    pub message: String,
}

const OPERATORS: [(&str, Operator); 10] = [
    ("-eq", Operator::Equal),
    ("-ne", Operator::NotEqual),
    ("-startsWith", Operator::StartsWith),
    ("-notStartsWith", Operator::NotStartsWith),
    ("-endsWith", Operator::EndsWith),
    ("-notEndsWith", Operator::NotEndsWith),
    ("-contains", Operator::Contains),
    ("-notContains", Operator::NotContains),
    ("-in", Operator::In),
    ("-notIn", Operator::NotIn),
];

const MAXIMUM_DEPTH: usize = 64;

/// Reads a rule.
pub(super) fn parse(text: &str) -> Result<Rule, DeviceRuleError> {
    let mut parser = Parser {
        tokens: tokens(text)?,
        next: 0,
        end: text.chars().count(),
        depth: 0,
    };
    let rule = parser.or()?;
    match parser.peek() {
        None => Ok(rule),
        Some(_) => Err(parser.expected("`-and`, `-or` or the end of the rule")),
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Open,
    Close,
    OpenList,
    CloseList,
    Comma,
    Word(String),
    Quoted(String),
}

fn tokens(text: &str) -> Result<Vec<(usize, Token)>, DeviceRuleError> {
    let characters: Vec<char> = text.chars().collect();
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(&character) = characters.get(at) {
        let start = at;
        at += 1;
        let token = match character {
            _ if character.is_whitespace() => continue,
            '(' => Token::Open,
            ')' => Token::Close,
            '[' => Token::OpenList,
            ']' => Token::CloseList,
            ',' => Token::Comma,
            '"' | '\'' => {
                let mut value = String::new();
                loop {
                    match characters.get(at) {
                        None => {
                            return Err(DeviceRuleError {
                                position: start,
                                message: format!("text that begins with {character} never ends"),
                            });
                        }
                        Some(&quote) if quote == character => break,
                        // PowerShell and JSON escape differently; both occur.
                        Some('`' | '\\')
                            if characters
                                .get(at + 1)
                                .is_some_and(|next| *next == character) =>
                        {
                            at += 1;
                            value.push(character);
                        }
                        Some(&other) => value.push(other),
                    }
                    at += 1;
                }
                at += 1;
                Token::Quoted(value)
            }
            _ => {
                let mut word = String::from(character);
                while let Some(&next) = characters.get(at) {
                    if next.is_whitespace() || "()[],\"'".contains(next) {
                        break;
                    }
                    word.push(next);
                    at += 1;
                }
                Token::Word(word)
            }
        };
        tokens.push((start, token));
    }
    Ok(tokens)
}

struct Parser {
    tokens: Vec<(usize, Token)>,
    next: usize,
    end: usize,
    depth: usize,
}

impl Parser {
    fn or(&mut self) -> Result<Rule, DeviceRuleError> {
        self.chain("or", Rule::Or, Parser::and)
    }

    fn and(&mut self) -> Result<Rule, DeviceRuleError> {
        self.chain("and", Rule::And, Parser::unary)
    }

    fn chain(
        &mut self,
        connective: &str,
        join: fn(Vec<Rule>) -> Rule,
        part: fn(&mut Parser) -> Result<Rule, DeviceRuleError>,
    ) -> Result<Rule, DeviceRuleError> {
        let first = part(self)?;
        if !self.takes(connective) {
            return Ok(first);
        }
        let mut parts = vec![first, part(self)?];
        while self.takes(connective) {
            parts.push(part(self)?);
        }
        Ok(join(parts))
    }

    fn unary(&mut self) -> Result<Rule, DeviceRuleError> {
        self.depth += 1;
        if self.depth > MAXIMUM_DEPTH {
            return Err(self.error(format!("more than {MAXIMUM_DEPTH} levels of nesting")));
        }
        let rule = if self.takes("not") {
            Rule::Not(Box::new(self.unary()?))
        } else if self.peek() == Some(&Token::Open) {
            self.next += 1;
            let inner = self.or()?;
            self.token(&Token::Close, "`)`")?;
            inner
        } else {
            self.comparison()?
        };
        self.depth -= 1;
        Ok(rule)
    }

    fn comparison(&mut self) -> Result<Rule, DeviceRuleError> {
        let attribute = match self.peek() {
            Some(Token::Word(word)) => word
                .split_once('.')
                .filter(|(head, name)| head.eq_ignore_ascii_case("device") && !name.is_empty())
                .map(|(_, name)| name.to_owned()),
            _ => None,
        };
        let Some(attribute) = attribute else {
            return Err(self.expected("an attribute such as `device.isCompliant`"));
        };
        self.next += 1;
        let operator = match self.peek() {
            Some(Token::Word(word)) => OPERATORS
                .iter()
                .find(|(name, _)| name.eq_ignore_ascii_case(word))
                .map(|(_, operator)| *operator),
            _ => None,
        };
        let Some(operator) = operator else {
            return Err(self.expected("an operator such as `-eq`"));
        };
        self.next += 1;
        let values = if self.peek() == Some(&Token::OpenList) {
            if !matches!(operator, Operator::In | Operator::NotIn) {
                return Err(self.error("only `-in` and `-notIn` take a list".to_owned()));
            }
            self.list()?
        } else {
            vec![self.value()?]
        };
        Ok(Rule::Comparison(Comparison {
            attribute,
            operator,
            values,
        }))
    }

    fn list(&mut self) -> Result<Vec<Value>, DeviceRuleError> {
        self.token(&Token::OpenList, "`[`")?;
        let mut values = vec![self.value()?];
        while self.peek() == Some(&Token::Comma) {
            self.next += 1;
            values.push(self.value()?);
        }
        self.token(&Token::CloseList, "`,` or `]`")?;
        Ok(values)
    }

    fn value(&mut self) -> Result<Value, DeviceRuleError> {
        let value = match self.peek() {
            Some(Token::Quoted(text)) => Value::Text(text.clone()),
            Some(Token::Word(word))
                if word.eq_ignore_ascii_case("null") || word.eq_ignore_ascii_case("$null") =>
            {
                Value::Null
            }
            Some(Token::Word(word)) if !word.starts_with('-') => {
                Value::Text(word.trim_start_matches('$').to_owned())
            }
            _ => return Err(self.expected("a value")),
        };
        self.next += 1;
        Ok(value)
    }

    fn takes(&mut self, connective: &str) -> bool {
        let found = matches!(self.peek(), Some(Token::Word(word))
            if word.strip_prefix('-').unwrap_or(word).eq_ignore_ascii_case(connective));
        self.next += usize::from(found);
        found
    }

    fn token(&mut self, token: &Token, name: &str) -> Result<(), DeviceRuleError> {
        if self.peek() != Some(token) {
            return Err(self.expected(name));
        }
        self.next += 1;
        Ok(())
    }

    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.next).map(|(_, token)| token)
    }

    #[cold]
    fn expected(&self, what: &str) -> DeviceRuleError {
        self.error(format!("expected {what}"))
    }

    #[cold]
    fn error(&self, message: String) -> DeviceRuleError {
        DeviceRuleError {
            position: self.tokens.get(self.next).map_or(self.end, |(at, _)| *at),
            message,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_read_is_named_with_its_place() {
        for (rule, position, message) in [
            ("", 0, "expected an attribute such as `device.isCompliant`"),
            (
                "isCompliant -eq True",
                0,
                "expected an attribute such as `device.isCompliant`",
            ),
            (
                "user.model -eq \"x\"",
                0,
                "expected an attribute such as `device.isCompliant`",
            ),
            (
                "device. -eq \"x\"",
                0,
                "expected an attribute such as `device.isCompliant`",
            ),
            (
                "device.model == \"x\"",
                13,
                "expected an operator such as `-eq`",
            ),
            ("device.model -eq", 16, "expected a value"),
            ("device.model -eq -and", 17, "expected a value"),
            (
                "device.model -eq \"x",
                17,
                "text that begins with \" never ends",
            ),
            ("(device.model -eq \"x\"", 21, "expected `)`"),
            ("device.model -in [\"x\" \"y\"]", 22, "expected `,` or `]`"),
            (
                "device.model -eq [\"x\"]",
                17,
                "only `-in` and `-notIn` take a list",
            ),
            (
                "device.model -eq \"x\" device.model",
                21,
                "expected `-and`, `-or` or the end of the rule",
            ),
        ] {
            let error = parse(rule).unwrap_err();
            assert_eq!(
                (error.position, error.message.as_str()),
                (position, message),
                "{rule}"
            );
        }
    }

    #[test]
    fn depth_is_bounded() {
        let deep = "(".repeat(100_000);
        assert!(parse(&deep).unwrap_err().message.contains("levels"));
        let not = "-not ".repeat(100_000);
        assert!(parse(&not).unwrap_err().message.contains("levels"));
    }

    #[test]
    fn escaped_quotes_stay_inside_the_text() {
        let rule = parse(r#"device.model -eq "a\"b`"c'""#).unwrap();
        let Rule::Comparison(comparison) = rule else {
            panic!("one comparison");
        };
        assert_eq!(comparison.values, [Value::Text("a\"b\"c'".into())]);
    }

    #[test]
    fn only_a_quote_is_escaped() {
        for (text, expected) in [
            (r#""a\b`c""#, r"a\b`c"),
            (r#""a\"b`"c""#, r#"a"b"c"#),
            (r#"'a\"b'"#, r#"a\"b"#),
        ] {
            let found = tokens(text).unwrap();
            assert_eq!(found, [(0, Token::Quoted(expected.to_owned()))], "{text}");
        }
    }
}
