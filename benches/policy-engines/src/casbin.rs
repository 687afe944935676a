//! Casbin: one policy line per range. It has no place for times, so whether the token is fresh is
//! asked outside, in a plain array: the cheapest there is.

use std::error::Error;

use casbin::{CoreApi, DefaultModel, Enforcer, MemoryAdapter, MgmtApi};

use crate::{ISSUED, Question, USERS, range, revoked_before};

const MODEL: &str = "
[request_definition]
r = ip
[policy_definition]
p = range
[policy_effect]
e = some(where (p.eft == allow))
[matchers]
m = ipMatch(r.ip, p.range)
";

pub(crate) fn prepare(
    ranges: usize,
    questions: &[Question],
) -> Result<impl FnMut(usize) -> bool, Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let enforcer = runtime.block_on(async {
        let model = DefaultModel::from_str(MODEL).await?;
        let mut enforcer = Enforcer::new(model, MemoryAdapter::default()).await?;
        let lines = (0..ranges).map(|number| vec![range(number)]).collect();
        enforcer.add_policies(lines).await?;
        casbin::Result::Ok(enforcer)
    })?;
    let revoked: Vec<i64> = (0..USERS).map(revoked_before).collect();
    let questions: Vec<(usize, String)> = questions
        .iter()
        .map(|question| (question.user, question.address.to_string()))
        .collect();
    Ok(move |index: usize| {
        let (user, address) = &questions[index];
        ISSUED > revoked[*user]
            && enforcer
                .enforce((address.as_str(),))
                .is_ok_and(|allowed| allowed)
    })
}
