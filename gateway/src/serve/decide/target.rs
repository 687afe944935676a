//! What the client asked of the API, as far as the gateway in front of it says so.
//!
//! Gateways say it in different headers, and each passes on what a client wrote into those of
//! the others. Nobody can tell them apart here, so every word counts: a route asks for its
//! authentication context if any of them is on it. A header that a client adds can only ask for
//! more.

use http::{HeaderMap, Uri};

use super::path::Prefix;
use crate::config::route::RouteSection;

/// Headers with the original method.
const METHODS: [&str; 2] = ["x-original-method", "x-forwarded-method"];
/// Headers with the original path and query.
const PATHS: [&str; 3] = ["x-original-uri", "x-original-url", "x-forwarded-uri"];

/// The endpoint for gateways, and everything below it for those that append the original path.
pub(crate) const ENDPOINT: &str = "/decide";

/// What some paths ask for.
pub(super) struct Routes(Vec<Route>);

struct Route {
    prefix: Prefix,
    methods: Vec<String>,
    context: String,
}

/// What the client asked.
pub(super) enum Target<'a> {
    /// One method and path, from a gateway that passes both on as they are.
    Exact {
        /// The method.
        method: &'a str,
        /// The path with its query.
        path: &'a str,
    },
    /// Headers, any of which may be the client's own.
    Headers(&'a HeaderMap),
}

impl Routes {
    /// The routes of a configuration.
    pub(super) fn new(sections: &[RouteSection]) -> Routes {
        let route = |section: &RouteSection| Route {
            prefix: Prefix::new(section.path.get_ref()),
            methods: section.methods.clone(),
            context: section.authentication_context.clone(),
        };
        Routes(sections.iter().map(route).collect())
    }

    /// The authentication contexts that `target` needs; `None` if routes exist and nobody says
    /// what is asked for.
    pub(super) fn contexts(&self, target: &Target<'_>) -> Option<Vec<&str>> {
        if self.0.is_empty() {
            return Some(Vec::new());
        }
        let contexts = match target {
            Target::Exact { method, path } => self.matching(&[method], &[path]),
            Target::Headers(headers) => {
                let methods = values(headers, &METHODS)?;
                let paths = values(headers, &PATHS)?;
                if paths.is_empty() {
                    return None;
                }
                self.matching(&methods, &paths)
            }
        };
        Some(contexts)
    }

    /// Without a method every method is possible.
    fn matching(&self, methods: &[&str], paths: &[&str]) -> Vec<&str> {
        let mut contexts: Vec<&str> = self
            .0
            .iter()
            .filter(|route| {
                let has_method = route.methods.is_empty()
                    || methods.is_empty()
                    || methods.iter().any(|method| {
                        let same = |known: &String| known.eq_ignore_ascii_case(method);
                        route.methods.iter().any(same)
                    });
                has_method && paths.iter().any(|path| route.prefix.covers(path))
            })
            .map(|route| route.context.as_str())
            .collect();
        contexts.sort_unstable();
        contexts.dedup();
        contexts
    }
}

/// The values of these headers; `None` if one of them is no text.
fn values<'a>(headers: &'a HeaderMap, names: &[&str]) -> Option<Vec<&'a str>> {
    names
        .iter()
        .flat_map(|name| headers.get_all(*name))
        .map(|value| value.to_str().ok())
        .collect()
}

impl Target<'_> {
    /// Method and path for logs: the first word where there are several.
    pub(super) fn told(&self) -> (Option<&str>, Option<&str>) {
        match self {
            Target::Exact { method, path } => (Some(method), Some(path)),
            Target::Headers(headers) => {
                let first = |names: &[&str]| {
                    names
                        .iter()
                        .find_map(|name| headers.get(*name)?.to_str().ok())
                };
                (first(&METHODS), first(&PATHS))
            }
        }
    }
}

/// What a request for the endpoint asks about; `None` if it is for something else.
pub(super) fn of<'a>(uri: &'a Uri, method: &'a str, headers: &'a HeaderMap) -> Option<Target<'a>> {
    let rest = uri.path().strip_prefix(ENDPOINT)?;
    if rest.is_empty() {
        return Some(Target::Headers(headers));
    }
    rest.starts_with('/').then(|| {
        let path = uri.path_and_query().map_or(rest, |all| {
            all.as_str().strip_prefix(ENDPOINT).unwrap_or(rest)
        });
        Target::Exact { method, path }
    })
}

/// The authentication contexts that the gateway asks for in the URL of the endpoint itself.
/// Below the endpoint the query is the client's, and says nothing here.
pub(super) fn asked_for(uri: &Uri) -> impl Iterator<Item = &str> {
    let query = if uri.path() == ENDPOINT {
        uri.query()
    } else {
        None
    };
    query
        .unwrap_or_default()
        .split('&')
        .filter_map(|pair| pair.strip_prefix("authentication_context="))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn routes() -> Routes {
        let text = r#"
            [[route]]
            path = "/payroll"
            authentication_context = "c1"
            [[route]]
            path = "/"
            methods = ["DELETE"]
            authentication_context = "c2"
        "#;
        #[derive(serde::Deserialize)]
        struct File {
            route: Vec<RouteSection>,
        }
        Routes::new(&toml::from_str::<File>(text).unwrap().route)
    }

    #[track_caller]
    fn check(headers: &[(&'static str, &str)], expected: Option<&[&str]>) {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        let routes = routes();
        let found = routes.contexts(&Target::Headers(&map));
        assert_eq!(found.as_deref(), expected, "{headers:?}");
    }

    #[test]
    fn a_header_that_a_client_adds_only_asks_for_more() {
        let get = ("x-original-method", "GET");
        check(&[get, ("x-original-uri", "/public")], Some(&[]));
        check(&[get, ("x-original-uri", "/payroll/1")], Some(&["c1"]));
        check(
            &[
                get,
                ("x-original-uri", "/payroll/1"),
                ("x-forwarded-uri", "/public"),
            ],
            Some(&["c1"]),
        );
        check(
            &[
                get,
                ("x-original-uri", "/public"),
                ("x-original-uri", "/payroll"),
            ],
            Some(&["c1"]),
        );
        check(
            &[
                ("x-forwarded-method", "DELETE"),
                ("x-forwarded-uri", "/payroll"),
            ],
            Some(&["c1", "c2"]),
        );
        // Without a method any is possible; without a path nothing is known.
        check(&[("x-forwarded-uri", "/public")], Some(&["c2"]));
        check(&[get], None);
    }

    #[test]
    fn behind_the_endpoint_stands_the_path_itself() {
        let headers = HeaderMap::new();
        for (uri, expected) in [
            (
                "/decide/payroll?authentication_context=none",
                Some(vec!["c1"]),
            ),
            ("/decide/public", Some(vec![])),
            ("/decide", None),
        ] {
            let uri: Uri = uri.parse().unwrap();
            let target = of(&uri, "GET", &headers).unwrap();
            assert_eq!(routes().contexts(&target), expected, "{uri}");
        }
        for uri in ["/decided", "/", "/healthz"] {
            assert!(of(&uri.parse().unwrap(), "GET", &headers).is_none());
        }
    }

    #[test]
    fn contexts_are_read_only_from_the_url_that_the_gateway_wrote() {
        let asked = |uri: &str| {
            let uri: Uri = uri.parse().unwrap();
            asked_for(&uri).map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(asked("/decide?authentication_context=c3"), ["c3"]);
        assert!(asked("/decide/x?authentication_context=c3").is_empty());
    }
}
