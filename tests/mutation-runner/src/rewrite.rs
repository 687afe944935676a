//! Puts all mutants of a file into it, each behind the question whether it is the one chosen.
//!
//! `a + b` becomes `(if !crate::__mutant(7) { a + b } else { (a) - (b) })`, and so on. Operands
//! stay as the tree of the expression has them, whatever binds how strongly in the new text.

use std::collections::HashMap;
use std::ops::Range;

use proc_macro2::Span;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};

use crate::mutant::{Mutant, Position};
use crate::render::Writer;

/// A file with its mutants in it.
pub(crate) struct Rewritten {
    pub(crate) text: String,
    /// Where in the text the changed code of a mutant stands, to tell whose mistake an error is.
    pub(crate) changed: Vec<(Range<usize>, usize)>,
    /// Where in the text the places of mutants stand.
    pub(crate) places: Vec<(Range<usize>, Vec<usize>)>,
    /// Mutants that are not in it, with the reason.
    pub(crate) left_out: Vec<(usize, &'static str)>,
}

/// A place of the source where something is asked.
pub(crate) struct Site {
    pub(crate) range: Range<usize>,
    pub(crate) kind: Kind,
}

pub(crate) enum Kind {
    /// At the start of a body: returns a value.
    Body(Vec<(usize, String)>),
    /// Behind the pattern of an arm: as if the arm was not there.
    Arm(usize),
    /// Around a guard: always, never.
    Guard(Vec<(usize, bool)>),
    /// `&&` and `||`, whose right side is evaluated or not.
    Logic {
        and: bool,
        mutant: usize,
        left: Range<usize>,
        right: Range<usize>,
    },
    /// One of several texts in place of an expression.
    Choice(Vec<(usize, Vec<Piece>)>),
}

pub(crate) enum Piece {
    Text(String),
    Source(Range<usize>),
}

/// Rewrites a file; `mutants` are its own, with their numbers.
pub(crate) fn rewrite(source: &str, mutants: &[(usize, &Mutant)]) -> Result<Rewritten, String> {
    let file = syn::parse_file(source).map_err(|error| error.to_string())?;
    let mut wanted: Wanted<'_> = HashMap::new();
    for (number, mutant) in mutants {
        wanted
            .entry((&mutant.genre, mutant.start, mutant.end))
            .or_default()
            .push((*number, mutant.replacement.clone()));
    }
    let mut finder = Finder {
        wanted,
        sites: Vec::new(),
        left_out: Vec::new(),
        constant: 0,
        chained: false,
    };
    finder.visit_file(&file);
    let Finder {
        wanted,
        mut sites,
        mut left_out,
        ..
    } = finder;
    left_out.extend(
        wanted
            .values()
            .flatten()
            .map(|(number, _)| (*number, "not found")),
    );
    // Outer before inner; a guard before the expression that it is.
    sites.sort_by_key(|site| {
        let wrapping = !matches!(site.kind, Kind::Guard(_) | Kind::Arm(_) | Kind::Body(_));
        (
            site.range.start,
            std::cmp::Reverse(site.range.end),
            wrapping,
        )
    });
    let out = Writer::new(source, &sites).render(0..source.len(), 0);
    Ok(Rewritten {
        text: out.text,
        changed: out.changed,
        places: out.places,
        left_out,
    })
}

/// Numbers and replacements by genre, start and end.
type Wanted<'a> = HashMap<(&'a str, Position, Position), Vec<(usize, String)>>;

/// Finds the places of the mutants in the tree.
struct Finder<'a> {
    wanted: Wanted<'a>,
    sites: Vec<Site>,
    left_out: Vec<(usize, &'static str)>,
    /// How many constants we are inside, whose values are needed before anything runs.
    constant: usize,
    /// Whether we are in the conditions of an `if let` chain.
    chained: bool,
}

fn start_of(span: Span) -> Position {
    (span.start().line, span.start().column + 1)
}

fn end_of(span: Span) -> Position {
    (span.end().line, span.end().column + 1)
}

impl Finder<'_> {
    /// Takes the mutants of a place; none in a constant.
    fn take(
        &mut self,
        genre: &'static str,
        start: Position,
        end: Position,
    ) -> Vec<(usize, String)> {
        let taken = self.wanted.remove(&(genre, start, end)).unwrap_or_default();
        if self.constant > 0 {
            self.leave_out(taken, "in a constant");
            return Vec::new();
        }
        taken
    }

    fn leave_out(&mut self, mutants: Vec<(usize, String)>, reason: &'static str) {
        self.left_out
            .extend(mutants.into_iter().map(|(number, _)| (number, reason)));
    }

    fn body(&mut self, block: &syn::Block) {
        let (Some(first), Some(last)) = (block.stmts.first(), block.stmts.last()) else {
            return;
        };
        let values = self.take("FnValue", start_of(first.span()), end_of(last.span()));
        if !values.is_empty() {
            let at = block.brace_token.span.open().byte_range().end;
            self.sites.push(Site {
                range: at..at,
                kind: Kind::Body(values),
            });
        }
    }

    fn constant(&mut self, look: impl FnOnce(&mut Self)) {
        self.constant += 1;
        look(self);
        self.constant -= 1;
    }
}

/// Whether a condition binds: `let` in it, outside of braces and parentheses.
fn binds(expression: &syn::Expr) -> bool {
    match expression {
        syn::Expr::Let(_) => true,
        syn::Expr::Binary(binary) if matches!(binary.op, syn::BinOp::And(_)) => {
            binds(&binary.left) || binds(&binary.right)
        }
        _ => false,
    }
}

impl<'ast> Visit<'ast> for Finder<'_> {
    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.body(&item.block);
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.body(&item.block);
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        if let Some(block) = &item.default {
            self.body(block);
        }
        visit::visit_trait_item_fn(self, item);
    }

    fn visit_item_const(&mut self, item: &'ast syn::ItemConst) {
        self.constant(|this| visit::visit_item_const(this, item));
    }

    fn visit_item_static(&mut self, item: &'ast syn::ItemStatic) {
        self.constant(|this| visit::visit_item_static(this, item));
    }

    fn visit_impl_item_const(&mut self, item: &'ast syn::ImplItemConst) {
        self.constant(|this| visit::visit_impl_item_const(this, item));
    }

    fn visit_trait_item_const(&mut self, item: &'ast syn::TraitItemConst) {
        self.constant(|this| visit::visit_trait_item_const(this, item));
    }

    fn visit_expr_const(&mut self, item: &'ast syn::ExprConst) {
        self.constant(|this| visit::visit_expr_const(this, item));
    }

    fn visit_type_array(&mut self, item: &'ast syn::TypeArray) {
        self.constant(|this| visit::visit_type_array(this, item));
    }

    fn visit_generic_argument(&mut self, item: &'ast syn::GenericArgument) {
        self.constant(|this| visit::visit_generic_argument(this, item));
    }

    fn visit_variant(&mut self, item: &'ast syn::Variant) {
        self.constant(|this| visit::visit_variant(this, item));
    }

    fn visit_pat(&mut self, item: &'ast syn::Pat) {
        self.constant(|this| visit::visit_pat(this, item));
    }

    fn visit_expr_repeat(&mut self, item: &'ast syn::ExprRepeat) {
        self.visit_expr(&item.expr);
        self.constant(|this| this.visit_expr(&item.len));
    }

    fn visit_expr_binary(&mut self, item: &'ast syn::ExprBinary) {
        let operator = item.op.span();
        let taken = self.take("BinaryOperator", start_of(operator), end_of(operator));
        let binding = binds(&item.left) || binds(&item.right);
        let range = item.span().byte_range();
        let left = item.left.span().byte_range();
        let right = item.right.span().byte_range();
        let and = matches!(item.op, syn::BinOp::And(_));
        if and && (self.chained || binding) {
            self.leave_out(taken, "`let` stands under `&&` only");
        } else if and || matches!(item.op, syn::BinOp::Or(_)) {
            for (mutant, _) in taken {
                self.sites.push(Site {
                    range: range.clone(),
                    kind: Kind::Logic {
                        and,
                        mutant,
                        left: left.clone(),
                        right: right.clone(),
                    },
                });
            }
        } else {
            self.choice(taken, range, left, right);
        }
        let outside = self.chained;
        self.chained = and && (outside || binding);
        visit::visit_expr_binary(self, item);
        self.chained = outside;
    }

    fn visit_expr(&mut self, item: &'ast syn::Expr) {
        let and =
            matches!(item, syn::Expr::Binary(binary) if matches!(binary.op, syn::BinOp::And(_)));
        let outside = self.chained;
        self.chained = outside && and;
        visit::visit_expr(self, item);
        self.chained = outside;
    }

    fn visit_expr_unary(&mut self, item: &'ast syn::ExprUnary) {
        let operator = item.op.span();
        let taken = self.take("UnaryOperator", start_of(operator), end_of(operator));
        if !taken.is_empty() {
            let operand = item.expr.span().byte_range();
            self.sites.push(Site {
                range: item.span().byte_range(),
                kind: Kind::Choice(
                    taken
                        .into_iter()
                        .map(|(number, _)| (number, vec![Piece::Source(operand.clone())]))
                        .collect(),
                ),
            });
        }
        visit::visit_expr_unary(self, item);
    }

    fn visit_arm(&mut self, item: &'ast syn::Arm) {
        let taken = self.take("MatchArm", start_of(item.span()), end_of(item.span()));
        let at = item.pat.span().byte_range().end;
        for (number, _) in taken {
            self.sites.push(Site {
                range: at..at,
                kind: Kind::Arm(number),
            });
        }
        if let Some((_, guard)) = &item.guard {
            let span = guard.span();
            let taken = self.take("MatchArmGuard", start_of(span), end_of(span));
            if binds(guard) {
                self.leave_out(taken, "a guard that binds");
            } else if !taken.is_empty() {
                self.sites.push(Site {
                    range: span.byte_range(),
                    kind: Kind::Guard(
                        taken
                            .into_iter()
                            .map(|(number, text)| (number, text == "true"))
                            .collect(),
                    ),
                });
            }
        }
        visit::visit_arm(self, item);
    }

    fn visit_expr_struct(&mut self, item: &'ast syn::ExprStruct) {
        let whole = item.span().byte_range();
        let mut variants = Vec::new();
        for pair in item.fields.pairs() {
            let field = pair.value().span();
            let last = pair.punct().map_or(field, |comma| comma.span());
            let cut = field.byte_range().start..last.byte_range().end;
            for (number, _) in self.take("StructField", start_of(field), end_of(last)) {
                let pieces = vec![
                    Piece::Source(whole.start..cut.start),
                    Piece::Source(cut.end..whole.end),
                ];
                variants.push((number, pieces));
            }
        }
        if !variants.is_empty() {
            self.sites.push(Site {
                range: whole,
                kind: Kind::Choice(variants),
            });
        }
        visit::visit_expr_struct(self, item);
    }
}

impl Finder<'_> {
    /// Other operators between the same operands.
    fn choice(
        &mut self,
        taken: Vec<(usize, String)>,
        range: Range<usize>,
        left: Range<usize>,
        right: Range<usize>,
    ) {
        if taken.is_empty() {
            return;
        }
        let variant = |(number, operator): (usize, String)| {
            let pieces = vec![
                Piece::Text("(".to_owned()),
                Piece::Source(left.clone()),
                Piece::Text(format!(") {operator} (")),
                Piece::Source(right.clone()),
                Piece::Text(")".to_owned()),
            ];
            (number, pieces)
        };
        let kind = Kind::Choice(taken.into_iter().map(variant).collect());
        self.sites.push(Site { range, kind });
    }
}

impl Rewritten {
    /// Moves everything for text put in front.
    pub(crate) fn shift(&mut self, by: usize) {
        for (range, _) in &mut self.changed {
            *range = range.start + by..range.end + by;
        }
        for (range, _) in &mut self.places {
            *range = range.start + by..range.end + by;
        }
    }
}
