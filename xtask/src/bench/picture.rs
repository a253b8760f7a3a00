//! The same figures as a picture: a bar per server, each row on a logarithmic scale of its own, budgets as marks.

use std::fmt::Write;

use super::Measured;
use super::figures::{self, Judged, Spread, short};

const WIDTH: f64 = 960.0;
/// Where the bars begin: left of it stand the servers' names.
const LEFT: f64 = 110.0;
/// How long the longest bar is; right of it stands its figure.
const LENGTH: f64 = 640.0;
const BAR: f64 = 16.0;
const GAP: f64 = 4.0;
const TITLE: f64 = 26.0;
const FOOT: f64 = 22.0;

const COLOURS: [(&str, &str); 4] =
    [("relay", "#9aa0a6"), ("yatter", "#1a73e8"), ("ejabberd", "#e8710a"), ("prosody", "#188038")];

/// Maps values to places along a bar.
struct Scale {
    from: f64,
    until: f64,
}

/// An SVG document.
pub(super) fn draw(names: &[&str], measured: &[Measured]) -> String {
    let mut body = String::new();
    let mut top = 44.0;
    for one in measured {
        top += draw_row(&mut body, names, one, top);
    }
    let height = top + 10.0;
    format!(
        "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {WIDTH} {height}' width='{WIDTH}' height='{height}' \
         font-family='sans-serif' font-size='12'>\n<rect width='100%' height='100%' fill='white'/>\n\
         <text x='16' y='26' font-size='16' font-weight='bold'>Medians of all turns; shorter is better</text>\n\
         <text x='{WIDTH}' dx='-16' y='26' text-anchor='end' fill='#666'>every row on a logarithmic scale; the thin line is \
         the spread; red marks are budgets</text>\n{body}</svg>\n"
    )
}

/// How tall the row became.
fn draw_row(out: &mut String, names: &[&str], one: &Measured, top: f64) -> f64 {
    let bars: Vec<(&str, Spread)> =
        names.iter().zip(&one.values).filter_map(|(name, values)| Some((*name, figures::spread(values)?))).collect();
    let judged: Vec<Judged> = names
        .iter()
        .enumerate()
        .filter(|(_, name)| super::is_judged(name) && one.row.unjudged.is_none())
        .flat_map(|(server, _)| {
            one.row.budgets.iter().filter_map(move |budget| figures::judge(*budget, server, names, one))
        })
        .collect();
    let Some(scale) = Scale::around(&bars, &judged) else { return 0.0 };
    let title = format!("{}, {}", one.row.name, one.row.unit);
    let _ = writeln!(out, "<text x='16' y='{}' font-weight='bold'>{}</text>", top + 16.0, escaped(&title));
    let bottom = top + TITLE + bars.len() as f64 * (BAR + GAP);
    draw_grid(out, &scale, top + TITLE - 2.0, bottom);
    for (index, (name, spread)) in bars.iter().enumerate() {
        draw_bar(out, name, *spread, &scale, top + TITLE + index as f64 * (BAR + GAP));
    }
    for budget in &judged {
        let x = scale.place(budget.most);
        let _ = writeln!(
            out,
            "<line x1='{x:.1}' x2='{x:.1}' y1='{}' y2='{}' stroke='#d93025' stroke-width='2'><title>{}: {}</title></line>",
            top + TITLE - 4.0,
            bottom,
            escaped(&budget.limit),
            short(budget.most)
        );
    }
    bottom + FOOT - top
}

fn draw_bar(out: &mut String, name: &str, spread: Spread, scale: &Scale, y: f64) {
    let end = scale.place(spread.median);
    let middle = y + BAR / 2.0;
    let _ = writeln!(
        out,
        "<text x='{}' y='{}' text-anchor='end'>{}</text>\
         <rect x='{LEFT}' y='{y}' width='{:.1}' height='{BAR}' fill='{}'/>\
         <line x1='{:.1}' x2='{:.1}' y1='{middle}' y2='{middle}' stroke='black'/>\
         <text x='{:.1}' y='{}'>{}</text>",
        LEFT - 8.0,
        y + 12.0,
        escaped(name),
        end - LEFT,
        colour(name),
        scale.place(spread.least),
        scale.place(spread.greatest),
        scale.place(spread.greatest) + 8.0,
        y + 12.0,
        short(spread.median)
    );
}

/// A faint line at every power of ten, with its figure below.
fn draw_grid(out: &mut String, scale: &Scale, top: f64, bottom: f64) {
    let mut exponent = scale.from.log10().ceil();
    while exponent <= scale.until.log10() {
        let value = 10_f64.powf(exponent);
        let x = scale.place(value);
        let figure = if exponent < 0.0 { format!("{value:.*}", (-exponent) as usize) } else { format!("{value:.0}") };
        let _ = writeln!(
            out,
            "<line x1='{x:.1}' x2='{x:.1}' y1='{top}' y2='{bottom}' stroke='#ddd'/>\
             <text x='{x:.1}' y='{}' text-anchor='middle' font-size='10' fill='#666'>{figure}</text>",
            bottom + 10.0
        );
        exponent += 1.0;
    }
}

impl Scale {
    /// Room for every bar and mark; `None` when there is nothing to show.
    fn around(bars: &[(&str, Spread)], budgets: &[Judged]) -> Option<Scale> {
        let bars = bars.iter().flat_map(|(_, spread)| [spread.least, spread.greatest]);
        let shown = bars.chain(budgets.iter().map(|budget| budget.most)).filter(|value| *value > 0.0);
        let (least, greatest) = shown.fold(None, |ends, value: f64| match ends {
            None => Some((value, value)),
            Some((least, greatest)) => Some((value.min(least), value.max(greatest))),
        })?;
        Some(Scale { from: least / 2.0, until: greatest * 1.1 })
    }

    /// Where a value stands; what is off the scale stands at its end.
    fn place(&self, value: f64) -> f64 {
        let part = (value.max(self.from) / self.from).ln() / (self.until / self.from).ln();
        LEFT + LENGTH * part.clamp(0.0, 1.0)
    }
}

fn colour(name: &str) -> &'static str {
    COLOURS.iter().find(|(known, _)| name.contains(known)).map_or("#5f6368", |(_, colour)| colour)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::super::row::LOADS;
    use super::*;

    #[test]
    fn bars_grow_with_their_figures_and_budgets_are_marked() {
        let values = vec![vec![1.0], vec![10.0], vec![100.0]];
        let measured = Measured { row: &LOADS[0].rows[0], values, raw: vec![Vec::new(); 3] };
        let picture = draw(&["relay", "yatter", "ejabberd"], &[measured]);
        let widths: Vec<f64> =
            picture.split("width='").filter_map(|part| part.split_once("' height='16'")?.0.parse().ok()).collect();
        assert!(widths.len() == 3 && widths[0] < widths[1] && widths[1] < widths[2], "{widths:?}");
        // Against the relay and ejabberd; Prosody was not there.
        assert_eq!(picture.matches("#d93025").count(), 2);
        assert!(picture.contains("&lt;= 5 x relay") && picture.ends_with("</svg>\n"));
    }
}
