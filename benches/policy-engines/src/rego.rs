//! Rego, compiled to the bytecode of regorus, with inputs built beforehand.

use std::collections::BTreeMap;
use std::error::Error;

use regorus::languages::rego::compiler::Compiler;
use regorus::rvm::vm::RegoVM;
use regorus::{Rc, Value};
use serde_json::json;

use crate::{ISSUED, Question, USERS, range, revoked_before};

const POLICY: &str = "
package access
import rego.v1

default allow := false

allow if {
    input.issued > data.revoked[input.user]
    some range in data.ranges
    net.cidr_contains(range, input.ip)
}
";

pub(crate) fn prepare(
    ranges: usize,
    questions: &[Question],
) -> Result<impl FnMut(usize) -> bool, Box<dyn Error>> {
    let revoked: BTreeMap<String, i64> = (0..USERS)
        .map(|user| (format!("user-{user}"), revoked_before(user)))
        .collect();
    let ranges: Vec<String> = (0..ranges).map(range).collect();
    let mut engine = regorus::Engine::new();
    engine.add_policy("access.rego".to_owned(), POLICY.to_owned())?;
    engine.add_data_json(&json!({"revoked": revoked, "ranges": ranges}).to_string())?;
    let entry = "data.access.allow";
    let compiled = engine.compile_with_entrypoint(&Rc::from(entry))?;
    let mut machine = RegoVM::new();
    machine.load_program(Compiler::compile_from_policy(&compiled, &[entry])?);
    machine.set_data(engine.get_data())?;
    let inputs = questions
        .iter()
        .map(|question| {
            let input = json!({"issued": ISSUED, "user": format!("user-{}", question.user),
                               "ip": question.address.to_string()});
            Value::from_json_str(&input.to_string())
        })
        .collect::<Result<Vec<Value>, _>>()?;
    Ok(move |index: usize| {
        machine.set_input(inputs[index].clone());
        machine
            .execute()
            .is_ok_and(|answer| answer == Value::from(true))
    })
}
