//! Reading the file, and saying where and what is wrong with it.

use std::collections::HashMap;
use std::ops::Range;
use std::path::Path;

use highwater_signals::Receiver;

use super::Configuration;
use super::graph::GraphSection;
use super::logs::DecisionLogSection;
use super::secret::MISPLACED;
use super::transmitter::TransmitterSection;
use crate::failure::Failure;
use crate::input::read_text;

/// Two names at least this similar are taken for a typing mistake.
const SIMILAR: f64 = 0.7;

impl Configuration {
    /// Reads `path`.
    pub(crate) fn load(path: &Path) -> Result<Configuration, Failure> {
        let text = read_text(path)?;
        let mut configuration = Configuration::parse(&text)
            .map_err(|mistake| Failure::Input(mistake.show(path, &text)))?;
        configuration.folder = path.parent().unwrap_or(Path::new("")).to_owned();
        Ok(configuration)
    }

    /// Whether `text` is a configuration, and how it is told if not.
    #[cfg(any(test, feature = "fuzzing"))]
    pub(crate) fn verdict(text: &str) -> Result<(), String> {
        match Configuration::parse(text) {
            Ok(_) => Ok(()),
            Err(mistake) => Err(mistake.show(Path::new("highwater.toml"), text)),
        }
    }

    fn parse(text: &str) -> Result<Configuration, Mistake> {
        let configuration: Configuration =
            toml::from_str(text).map_err(|error| Mistake::from_toml(&error))?;
        configuration.check()?;
        Ok(configuration)
    }

    /// What types alone cannot say.
    fn check(&self) -> Result<(), Mistake> {
        let mut seen: HashMap<&str, ()> = HashMap::new();
        for tenant in &self.tenants {
            let id = tenant.id();
            if let Err(error) = tenant.whose() {
                return Err(Mistake::at(id.span(), error.to_string()));
            }
            if seen.insert(id.get_ref().as_str(), ()).is_some() {
                return Err(Mistake::at(
                    id.span(),
                    format!("tenant `{}` has two sections; keep one", id.get_ref()),
                ));
            }
        }
        for issuer in &self.issuers {
            if let Err(error) = issuer.keys() {
                return Err(Mistake::somewhere(None, error.to_string()));
            }
        }
        for route in &self.routes {
            if let Some(message) = route.mistake() {
                return Err(Mistake::at(route.path.span(), message));
            }
        }
        if let Some(message) = self
            .decision_log
            .as_ref()
            .and_then(DecisionLogSection::mistake)
        {
            return Err(Mistake::somewhere(None, message));
        }
        for listener in &self.serve.listeners {
            if let Some(message) = listener.mistake() {
                return Err(Mistake::somewhere(listener.span(), message));
            }
        }
        self.check_transmitters()?;
        self.check_graph()
    }

    fn check_transmitters(&self) -> Result<(), Mistake> {
        for transmitter in &self.transmitters {
            if let Some(message) = transmitter.mistake() {
                return Err(Mistake::at(transmitter.name().span(), message));
            }
        }
        let configs = self.transmitters.iter().map(|section| section.config(None));
        Receiver::new(configs).map(drop).map_err(|error| {
            let at_fault = |section: &&TransmitterSection| {
                section.name().get_ref().as_str() == error.transmitter
            };
            // Of two that cannot be told apart, the later one.
            let place = self.transmitters.iter().rfind(at_fault);
            let place = place.map(|section| section.name().span());
            Mistake::somewhere(place, error.to_string())
        })
    }

    fn check_graph(&self) -> Result<(), Mistake> {
        for (index, section) in self.graph.0.iter().enumerate() {
            let tenant = section.tenant();
            let mistake = |message: String| Err(Mistake::at(tenant.span(), message));
            if let Some(message) = section.mistake() {
                return mistake(message);
            }
            let is_same = |other: &GraphSection| other.tenant().get_ref() == tenant.get_ref();
            if self.graph.0[..index].iter().any(is_same) {
                return mistake(format!(
                    "tenant `{}` has two `graph` sections; keep one",
                    tenant.get_ref()
                ));
            }
            let has_same_source =
                |other: &GraphSection| other.config().source == section.config().source;
            if self.graph.0[..index].iter().any(has_same_source) {
                return mistake(format!(
                    "two `graph` sections have the source `{}`; give each its own `source`",
                    section.config().source
                ));
            }
            let name = tenant.get_ref().as_str();
            if !self.tenants.iter().any(|own| own.id().get_ref() == name) {
                return mistake(format!(
                    "tenant `{name}` is read from Graph and has no `[[tenant]]`; add one, with \
                     `documents = []` if everything comes from Graph"
                ));
            }
        }
        Ok(())
    }
}

/// What is wrong with the file, and where.
#[derive(Debug, PartialEq, Eq)]
struct Mistake {
    place: Option<Range<usize>>,
    /// Where the line stops being shown: what follows may be a secret.
    shown_to: Option<usize>,
    message: String,
}

impl Mistake {
    fn at(place: Range<usize>, message: String) -> Mistake {
        Mistake::somewhere(Some(place), message)
    }

    fn somewhere(place: Option<Range<usize>>, message: String) -> Mistake {
        Mistake {
            place,
            shown_to: None,
            message,
        }
    }

    fn from_toml(error: &toml::de::Error) -> Mistake {
        let place = error.span();
        let shown_to = if error.message().contains(MISPLACED) {
            place.as_ref().map(|place| place.start)
        } else if error.message().starts_with("unknown field ") {
            // It may be a misspelt secret.
            place.as_ref().map(|place| place.end)
        } else {
            None
        };
        Mistake {
            place,
            shown_to,
            message: with_suggestion(error.message()),
        }
    }

    /// `file:line:column: message`, and the line with the place underlined.
    fn show(&self, path: &Path, text: &str) -> String {
        let path = path.display();
        let Some(place) = &self.place else {
            return format!("{path}: {}", self.message);
        };
        let start = floor(text, place.start);
        let before = &text[..start];
        let line_start = before.rfind('\n').map_or(0, |end| end + 1);
        let line = text[line_start..].lines().next().unwrap_or_default();
        let number = before.matches('\n').count() + 1;
        let column = text[line_start..start].chars().count();
        let rest = &line[(start - line_start).min(line.len())..];
        let shown_to = self.shown_to.map(|end| floor(text, end).max(line_start));
        let (line, more) = match shown_to.and_then(|end| line.get(..end - line_start)) {
            Some(shown) if shown.len() < line.len() => (shown, " …"),
            _ => (line, ""),
        };
        let marked = text[start..floor(text, place.end.max(start))]
            .lines()
            .next()
            .unwrap_or_default()
            .chars()
            .count()
            .clamp(1, rest.chars().count().max(1));
        format!(
            "{path}:{number}:{}: {}\n  {line}{more}\n  {}{}",
            column + 1,
            self.message,
            " ".repeat(column),
            "^".repeat(marked),
        )
    }
}

/// The last boundary between characters at or before `index`.
fn floor(text: &str, index: usize) -> usize {
    let index = index.min(text.len());
    (0..=index)
        .rev()
        .find(|&index| text.is_char_boundary(index))
        .unwrap_or(0)
}

/// Turns serde's "unknown field `a`, expected one of `b`, `c`" into a suggestion.
fn with_suggestion(message: &str) -> String {
    let (what, rest) = match (
        message.strip_prefix("unknown field "),
        message.strip_prefix("unknown variant "),
    ) {
        (Some(rest), _) => ("unknown key", rest),
        (_, Some(rest)) => ("unknown value", rest),
        _ => return message.to_owned(),
    };
    let mut names = rest.split('`').skip(1).step_by(2);
    let Some(written) = names.next() else {
        return message.to_owned();
    };
    let known: Vec<&str> = names.collect();
    let nearest = known
        .iter()
        .map(|name| (strsim::jaro_winkler(written, name), name))
        .filter(|(similarity, _)| *similarity >= SIMILAR)
        .max_by(|(one, _), (other, _)| one.total_cmp(other));
    match (nearest, known.as_slice()) {
        (Some((_, name)), _) => format!("{what} `{written}`, did you mean `{name}`?"),
        (None, []) => format!("{what} `{written}`; nothing is known here"),
        (None, known) => format!("{what} `{written}`; known are `{}`", known.join("`, `")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let mistake = Configuration::parse(text).unwrap_err();
        let shown = mistake.show(Path::new("highwater.toml"), text);
        assert_eq!(shown, expected);
    }

    #[test]
    fn unknown_keys_name_their_place_and_a_suggestion() {
        check(
            "[[tenant]]\nid = \"a\"\ndocumets = [\"x\"]\n",
            "highwater.toml:3:1: unknown key `documets`, did you mean `documents`?\n  \
             documets …\n  ^^^^^^^^",
        );
        check(
            "[engine]\npolicy_change = \"blok\"",
            "highwater.toml:2:17: unknown value `blok`, did you mean `block`?\n  \
             policy_change = \"blok\"\n                  ^^^^^^",
        );
        check(
            "[engine.loop_budget]\nzzz = 1",
            "highwater.toml:2:1: unknown key `zzz`; known are `per_token`, `per_subject`, `window`\n  \
             zzz …\n  ^^^",
        );
    }

    #[test]
    fn values_are_checked_where_they_stand() {
        check(
            "[engine]\nskew = \"soon\"",
            "highwater.toml:2:8: invalid value: string \"soon\", expected seconds, or text such as \
             \"90s\", \"10m\", \"28h\" or \"90d\"\n  skew = \"soon\"\n         ^^^^^^",
        );
        check(
            "[[tenant]]\nid = \"a\"\ndocuments = []\n[[tenant]]\nid = \"a\"\ndocuments = []",
            "highwater.toml:5:6: tenant `a` has two sections; keep one\n  id = \"a\"\n       ^^^",
        );
        check(
            "[engine]\npolicy_status = 500",
            "highwater.toml:2:17: `500` is no status of a denial; use 401 or 403\n  \
             policy_status = 500\n                  ^^^",
        );
    }

    #[test]
    fn listeners_say_what_they_are_for() {
        for (listener, words) in [
            (
                "kind = \"decisions\"\naddress = \"127.0.0.1:0\"",
                "say `fail = \"closed\"`",
            ),
            (
                "kind = \"admin\"\naddress = \"127.0.0.1:0\"",
                "needs a `token_file`",
            ),
            ("kind = \"intake\"", "needs an `address` or a `socket`"),
            (
                "kind = \"intake\"\naddress = \"127.0.0.1:0\"\nfail = \"open\"",
                "`fail` is about decisions",
            ),
            (
                "kind = \"intake\"\naddress = \"127.0.0.1:0\"\nproxy_protocol = true",
                "name them in `client_address`",
            ),
            (
                "kind = \"intake\"\naddress = \"nowhere\"",
                "invalid socket address",
            ),
            ("kind = \"decision\"", "did you mean `decisions`?"),
        ] {
            let text = format!("[[serve.listener]]\n{listener}\n");
            let mistake = Configuration::parse(&text).unwrap_err();
            assert!(mistake.message.contains(words), "{mistake:?}");
        }
    }

    #[test]
    fn what_serve_reads_is_checked_too() {
        for (text, words) in [
            (
                "[serve.limits]\nheader_bites = 1",
                "did you mean `header_bytes`?",
            ),
            (
                "[[route]]\npath = \"x\"\nauthentication_context = \"c1\"",
                "begin with `/`",
            ),
            (
                "[decision_log]\npath = \"x\"\nallowed = 2",
                "a part from 0 to 1",
            ),
            ("[token]\nalgorithms = [\"HS256\"]", "unknown value `HS256`"),
            (
                "[[issuer]]\nissuer = \"a\"\njwks = \"b\"\ndiscovery = \"c\"",
                "say one of `jwks_file`, `jwks` and `discovery`",
            ),
        ] {
            let mistake = Configuration::parse(text).unwrap_err();
            assert!(mistake.message.contains(words), "{mistake:?}");
        }
    }

    #[test]
    fn everything_has_a_default_but_the_documents() {
        assert!(Configuration::parse("").is_ok());
        assert!(Configuration::parse("[[tenant]]\nid = \"*\"").is_err());
    }

    const TRANSMITTER: &str = "[[transmitter]]\nname = \"idp\"\nissuer = \"https://idp.example\"\naudience = \"https://rs.example\"\n";

    #[test]
    fn a_transmitter_says_how_its_tokens_arrive() {
        assert!(Configuration::parse(&format!("{TRANSMITTER}push = {{}}")).is_ok());
        check(
            TRANSMITTER,
            "highwater.toml:2:8: say how its tokens arrive: an empty `[transmitter.push]` or \
             `[transmitter.poll]` is enough\n  name = \"idp\"\n         ^^^^^",
        );
        check(
            &format!("{TRANSMITTER}push = {{}}\n{TRANSMITTER}push = {{}}"),
            "highwater.toml:7:8: transmitter `idp`: `name`: two transmitters have this name\n  \
             name = \"idp\"\n         ^^^^^",
        );
        check(
            &format!("{TRANSMITTER}push = {{ authorisation = {{ env = \"A\" }} }}"),
            "highwater.toml:5:10: unknown key `authorisation`, did you mean `authorization`?\n  \
             push = { authorisation …\n           ^^^^^^^^^^^^^",
        );
        check(
            &format!("{TRANSMITTER}poll = {{ endpoint_url = \"http://idp.example/poll\" }}"),
            "highwater.toml:2:8: `poll.endpoint_url` is `http://idp.example/poll`; only `https` is \
             used\n  name = \"idp\"\n         ^^^^^",
        );
        for (extra, reason) in [
            ("poll = {}", "say where to poll"),
            ("push = {}\npoll = {}\nstream = {}", "not both"),
            ("push = {}\nstream = {}", "stream.push_url"),
            (
                "push = { unauthenticated_status = 500 }",
                "use 400, 401 or 403",
            ),
            (
                "push = {}\nstream = { push_url = \"https://a\", events = [\"sesion-revoked\"] }",
                "sesion-revoked",
            ),
            (
                "push = {}\nstream = { push_url = \"https://a\", subjects = [{ format = \"email\" }] }",
                "stream.subjects",
            ),
            (
                "push = {}\ncredentials = { client_id = \"a\" }",
                "credentials are either",
            ),
            (
                "push = { authorization = \"Bearer hunter2\" }",
                "a secret does not belong here",
            ),
        ] {
            let text = format!("{TRANSMITTER}{extra}");
            let message = Configuration::parse(&text).unwrap_err().message;
            assert!(message.contains(reason), "{extra}: {message}");
        }
    }

    #[test]
    fn a_secret_in_the_wrong_place_is_not_shown() {
        for extra in [
            "push = { authorization = \"Bearer hunter2\" }",
            "push = { authorisation = \"Bearer hunter2\" }",
            "[transmitter.push]\nauthorization = \"\"\"\nBearer hunter2\"\"\"",
        ] {
            let text = format!("{TRANSMITTER}{extra}");
            let mistake = Configuration::parse(&text).unwrap_err();
            let shown = mistake.show(Path::new("highwater.toml"), &text);
            assert!(!shown.contains("hunter2"), "{shown}");
            assert!(shown.contains("authori"), "the place is shown: {shown}");
        }
    }

    #[test]
    fn graph_is_one_section_or_several_and_each_has_a_tenant() {
        let tenant = |id: &str| format!("[[tenant]]\nid = \"{id}\"\ndocuments = []\n");
        let body = |id: &str| {
            format!("tenant = \"{id}\"\ncredentials = {{ bearer = {{ env = \"T\" }} }}\n")
        };
        let parse = |text: String| {
            Configuration::parse(&text)
                .map(|configuration| configuration.graph.0.len())
                .map_err(|mistake| mistake.message)
        };
        let one = format!("{}[graph]\n{}", tenant("a"), body("a"));
        assert_eq!(parse(one), Ok(1));
        let two = |source: &str| {
            format!(
                "{}{}[[graph]]\n{}[[graph]]\n{}{source}",
                tenant("a"),
                tenant("b"),
                body("a"),
                body("b"),
            )
        };
        assert_eq!(parse(two("source = \"graph-b\"\n")), Ok(2));
        assert!(parse(two("")).unwrap_err().contains("the source `graph`"));
        let strange = format!("[graph]\n{}", body("x"));
        assert!(parse(strange).unwrap_err().contains("no `[[tenant]]`"));
        check(
            &format!("{}[graph]\n{}read = [\"user\"]\n", tenant("a"), body("a")),
            "highwater.toml:7:9: unknown value `user`, did you mean `users`?\n  read = [\"user\"]\n          ^^^^^^",
        );
        check(
            &format!("{}[graph]\n{}intervall = 5\n", tenant("a"), body("a")),
            "highwater.toml:7:1: unknown key `intervall`, did you mean `interval`?\n  intervall …\n  ^^^^^^^^^",
        );
    }

    #[test]
    fn the_examples_of_the_documentation_are_read() {
        for (page, text) in [
            ("intake", include_str!("../../../docs/intake.md")),
            (
                "configuration",
                include_str!("../../../docs/configuration.md"),
            ),
        ] {
            let examples: Vec<&str> = text
                .split("```toml\n")
                .skip(1)
                .filter_map(|rest| rest.split("```").next())
                .collect();
            assert!(!examples.is_empty(), "{page}");
            for example in examples {
                if let Err(mistake) = Configuration::parse(example) {
                    panic!("{}", mistake.show(Path::new(page), example));
                }
            }
        }
    }
}
