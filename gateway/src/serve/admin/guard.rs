//! Who may ask: whoever has the token, or may open the Unix socket.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{AUTHORIZATION, HeaderValue, WWW_AUTHENTICATE};
use http::{HeaderMap, StatusCode};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::config::serve::ListenerSection;
use crate::failure::Failure;
use crate::input::read_text;
use crate::serve::Service;
use crate::serve::problem::Problem;

/// A token short enough to be guessed is none.
const SHORTEST_TOKEN: usize = 16;

/// What a listener for operators asks for.
pub(in crate::serve) enum Guard {
    /// The token with this digest. The token itself is not kept.
    Token([u8; 32]),
    /// Nothing: the file system has let the client in.
    FileSystem,
}

impl Guard {
    /// The guard of a listener.
    ///
    /// # Errors
    /// The file with the token cannot be read, or the token is too short.
    pub(in crate::serve) fn of(
        section: &ListenerSection,
        service: &Service,
    ) -> Result<Guard, Failure> {
        let Some(file) = &section.token_file else {
            return Ok(Guard::FileSystem);
        };
        let path = service.path(file);
        let text = read_text(&path)?;
        let token = text.trim();
        if token.len() < SHORTEST_TOKEN {
            return Err(Failure::Input(format!(
                "`{}`: an admin token has at least {SHORTEST_TOKEN} characters",
                path.display()
            )));
        }
        Ok(Guard::Token(Sha256::digest(token).into()))
    }

    fn admits(&self, headers: &HeaderMap) -> bool {
        let Guard::Token(expected) = self else {
            return true;
        };
        let mut values = headers.get_all(AUTHORIZATION).iter();
        let (Some(value), None) = (values.next(), values.next()) else {
            return false;
        };
        let Some((scheme, token)) = value.to_str().ok().and_then(|value| value.split_once(' '))
        else {
            return false;
        };
        // Digests have one length, and how many of their bytes agree tells nothing.
        let found: [u8; 32] = Sha256::digest(token.trim()).into();
        scheme.eq_ignore_ascii_case("bearer") && bool::from(found.ct_eq(expected))
    }
}

/// Lets a request through if the guard admits it.
pub(in crate::serve) async fn authenticate(
    State(guard): State<Arc<Guard>>,
    request: Request,
    next: Next,
) -> Response {
    if guard.admits(request.headers()) {
        return next.run(request).await;
    }
    let mut answer = Problem::new(
        StatusCode::UNAUTHORIZED,
        "the admin token is missing or wrong",
    )
    .into_response();
    answer.headers_mut().insert(
        WWW_AUTHENTICATE,
        HeaderValue::from_static("Bearer realm=\"highwater-admin\""),
    );
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_token_admits_and_only_once() {
        let guard = Guard::Token(Sha256::digest("0123456789abcdef").into());
        let admits = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(AUTHORIZATION, value.parse().unwrap());
            }
            guard.admits(&headers)
        };
        assert!(admits(&["Bearer 0123456789abcdef"]));
        assert!(admits(&["bearer 0123456789abcdef"]));
        for refused in [
            &[][..],
            &["0123456789abcdef"],
            &["Basic 0123456789abcdef"],
            &["Bearer 0123456789abcde"],
            &["Bearer 0123456789abcdef0"],
            &["Bearer 0123456789abcdef", "Bearer 0123456789abcdef"],
        ] {
            assert!(!admits(refused), "{refused:?}");
        }
    }
}
