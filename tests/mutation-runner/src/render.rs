//! Writes a source with the questions of its sites in it.

use std::ops::Range;

use crate::rewrite::{Kind, Piece, Site};

/// Text with what it contains.
#[derive(Default)]
pub(crate) struct Out {
    pub(crate) text: String,
    pub(crate) changed: Vec<(Range<usize>, usize)>,
    pub(crate) places: Vec<(Range<usize>, Vec<usize>)>,
}

impl Out {
    fn put(&mut self, text: &str) {
        self.text.push_str(text);
    }

    fn append(&mut self, other: Out) {
        let by = self.text.len();
        let shift = |range: Range<usize>| range.start + by..range.end + by;
        self.text.push_str(&other.text);
        self.changed.extend(
            other
                .changed
                .into_iter()
                .map(|(range, number)| (shift(range), number)),
        );
        self.places.extend(
            other
                .places
                .into_iter()
                .map(|(range, numbers)| (shift(range), numbers)),
        );
    }
}

/// Writes a file with its sites.
pub(crate) struct Writer<'a> {
    source: &'a str,
    sites: &'a [Site],
}

fn asks(number: usize) -> String {
    format!("crate::__mutant({number})")
}

impl<'a> Writer<'a> {
    pub(crate) fn new(source: &'a str, sites: &'a [Site]) -> Self {
        Writer { source, sites }
    }

    /// The text of a range, with every site in it from the `from`-th on.
    pub(crate) fn render(&self, range: Range<usize>, from: usize) -> Out {
        let mut out = Out::default();
        let mut at = range.start;
        let mut index = from;
        while let Some(site) = self.sites.get(index) {
            if site.range.start >= range.end
                && !(site.range.is_empty() && site.range.start == range.end)
            {
                break;
            }
            if site.range.start >= at && site.range.end <= range.end {
                out.put(&self.source[at..site.range.start]);
                out.append(self.site(index));
                at = site.range.end;
            }
            index += 1;
        }
        out.put(&self.source[at..range.end]);
        out
    }

    fn site(&self, index: usize) -> Out {
        let sites = self.sites;
        let site = &sites[index];
        let inner = index + 1;
        let mut out = Out::default();
        let numbers;
        match &site.kind {
            Kind::Body(values) => {
                numbers = values.iter().map(|(number, _)| *number).collect();
                for (number, value) in values {
                    out.put(&format!(" if {} {{ return ", asks(*number)));
                    let start = out.text.len();
                    out.put(value);
                    out.changed.push((start..out.text.len(), *number));
                    out.put("; }");
                }
            }
            Kind::Arm(number) => {
                numbers = vec![*number];
                out.put(&format!(" if !{}", asks(*number)));
            }
            Kind::Guard(ways) => {
                numbers = ways.iter().map(|(number, _)| *number).collect();
                out.put("(");
                for (number, always) in ways {
                    out.put(&match always {
                        true => format!("{} || ", asks(*number)),
                        false => format!("!{} && ", asks(*number)),
                    });
                    out.put("(");
                }
                out.append(self.render(site.range.clone(), inner));
                out.put(&")".repeat(ways.len() + 1));
            }
            Kind::Logic {
                and,
                mutant,
                left,
                right,
            } => {
                numbers = vec![*mutant];
                // `a && b` is `if a { b } else { false }`, `a || b` is `if !a { b } else { true }`.
                let (ends, not) = if *and { ("!=", "") } else { ("==", "!") };
                out.put("(if (");
                out.append(self.render(left.clone(), inner));
                out.put(&format!(") {ends} {} {{ ", asks(*mutant)));
                out.append(self.render(right.clone(), inner));
                out.put(&format!(" }} else {{ {not}{} }})", asks(*mutant)));
            }
            Kind::Choice(variants) => {
                numbers = variants.iter().map(|(number, _)| *number).collect();
                let none: Vec<String> = variants
                    .iter()
                    .map(|(number, _)| format!("!{}", asks(*number)))
                    .collect();
                out.put(&format!("(if {} {{ ", none.join(" && ")));
                out.append(self.render(site.range.clone(), inner));
                for (index, (number, pieces)) in variants.iter().enumerate() {
                    match index + 1 == variants.len() {
                        true => out.put(" } else { "),
                        false => out.put(&format!(" }} else if {} {{ ", asks(*number))),
                    }
                    let start = out.text.len();
                    for piece in pieces {
                        match piece {
                            Piece::Text(text) => out.put(text),
                            Piece::Source(range) => out.append(self.render(range.clone(), inner)),
                        }
                    }
                    out.changed.push((start..out.text.len(), *number));
                }
                out.put(" })");
            }
        }
        out.places.push((0..out.text.len(), numbers));
        out
    }
}
