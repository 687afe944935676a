//! `[[route]]`: what some paths of the API ask beyond a good token.

use serde::Deserialize;
use toml::Spanned;

/// One `[[route]]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RouteSection {
    /// A path and everything below it.
    pub(crate) path: Spanned<String>,
    /// Methods. None: every one.
    #[serde(default)]
    pub(crate) methods: Vec<String>,
    /// The authentication context that the token must have, such as `c1`.
    pub(crate) authentication_context: String,
}

impl RouteSection {
    /// What types alone cannot say.
    pub(super) fn mistake(&self) -> Option<String> {
        let path = self.path.get_ref();
        if !path.starts_with('/') {
            return Some(format!("route `{path}` is no path; begin with `/`"));
        }
        if path.contains(['*', '?', '#', '%']) {
            return Some(format!(
                "route `{path}`: a route is a plain path and means everything below it"
            ));
        }
        None
    }
}
