//! Prints the public API of a library, one item a line: `interfaces JSON`.
//!
//! JSON is what `rustdoc --output-format json` wrote. Every item stands under its full path with
//! its signature, so that a change of the API is a change of lines. Left out: what every type has
//! (blanket implementations), what follows from its fields (automatic traits), and what is derived.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let json = std::env::args_os().nth(1).ok_or("usage: interfaces JSON")?;
    let interface = public_api::Builder::from_rustdoc_json(std::path::PathBuf::from(json))
        .omit_blanket_impls(true)
        .omit_auto_trait_impls(true)
        .omit_auto_derived_impls(true)
        .build()?;
    print!("{interface}");
    Ok(())
}
