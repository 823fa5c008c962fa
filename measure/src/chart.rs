//! Charts of figures against the number of hosts, as SVG.

use std::{ops::Range, path::Path};

use plotters::{
    coord::{Shift, types::RangedCoordf64},
    prelude::*,
};

use crate::Outcome;

/// A line through measured points: the number of hosts, and the figure.
pub(crate) struct Series {
    pub(crate) name: &'static str,
    pub(crate) points: Vec<(f64, f64)>,
}

/// One diagram.
pub(crate) struct Panel {
    pub(crate) title: &'static str,
    /// What the vertical axis shows, with its unit.
    pub(crate) axis: &'static str,
    pub(crate) series: Vec<Series>,
}

/// The size of a diagram in pixels.
const SIZE: (u32, u32) = (480, 370);
const FONT: &str = "sans-serif";
/// Colours that people with any colour vision tell apart, on white.
const COLOURS: [RGBColor; 2] = [RGBColor(0, 94, 162), RGBColor(204, 85, 0)];

/// Writes the diagrams side by side, with a line of text under them.
pub(crate) fn write(path: &Path, caption: &str, panels: &[Panel]) -> Outcome<()> {
    std::fs::write(path, svg(caption, panels)? + "\n")?;
    Ok(())
}

fn svg(caption: &str, panels: &[Panel]) -> Outcome<String> {
    let mut text = String::new();
    let size = (SIZE.0 * u32::try_from(panels.len())?, SIZE.1);
    {
        let area = SVGBackend::with_string(&mut text, size).into_drawing_area();
        // Readers may have a dark background.
        area.fill(&WHITE)?;
        let (area, foot) = area.split_vertically(SIZE.1 - 24);
        foot.draw_text(caption, &(FONT, 15).into_text_style(&foot), (16, 3))?;
        for (area, panel) in area.split_evenly((1, panels.len())).iter().zip(panels) {
            draw(area, panel)?;
        }
        area.present()?;
    }
    Ok(text)
}

fn draw(area: &DrawingArea<SVGBackend<'_>, Shift>, panel: &Panel) -> Outcome<()> {
    let (hosts, figures) = ranges(panel);
    let mut chart = ChartBuilder::on(area)
        .caption(panel.title, (FONT, 20))
        .margin(14)
        .x_label_area_size(46)
        .y_label_area_size(62)
        .build_cartesian_2d(hosts.log_scale(), RangedCoordf64::from(figures))?;
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(RGBColor(221, 221, 221))
        .label_style((FONT, 15))
        .axis_desc_style((FONT, 16))
        .x_desc("hosts (logarithmic)")
        .x_label_formatter(&|hosts| grouped(*hosts))
        .y_desc(panel.axis)
        .y_label_formatter(&|figure| format!("{figure}"))
        .draw()?;
    for (series, colour) in panel.series.iter().zip(COLOURS) {
        let line = LineSeries::new(series.points.iter().copied(), colour.stroke_width(2));
        chart
            .draw_series(line)?
            .label(series.name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(2)));
        let dots = series.points.iter().map(|point| Circle::new(*point, 4, colour.filled()));
        chart.draw_series(dots)?;
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .label_font((FONT, 15))
        .background_style(WHITE)
        .draw()?;
    Ok(())
}

/// Returns the ranges of the axes. The horizontal one has room around the points; the vertical one begins at
/// zero, so that heights compare.
fn ranges(panel: &Panel) -> (Range<f64>, Range<f64>) {
    let points = || panel.series.iter().flat_map(|series| &series.points);
    let fewest = points().map(|(hosts, _)| *hosts).fold(f64::INFINITY, f64::min);
    let most = points().map(|(hosts, _)| *hosts).fold(1.0, f64::max);
    let highest = points().map(|(_, figure)| *figure).fold(0.0, f64::max);
    (fewest.min(most) / 1.5..most * 1.5, 0.0..(highest * 1.3).max(1.0))
}

/// Returns a whole number with its digits in groups of three.
fn grouped(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn panel() -> Panel {
        let points = vec![(1_000.0, 100.0), (10_000.0, 110.0), (100_000.0, 105.0)];
        Panel {
            title: "Processor time of a check",
            axis: "µs",
            series: vec![Series { name: "worker", points }],
        }
    }

    #[test]
    fn a_chart_has_its_points_names_and_axes_on_a_white_background() {
        let text = svg("2 cores", &[panel(), panel()]).unwrap();
        assert_eq!(text.matches("<circle").count(), 6);
        for wanted in [
            "Processor time of a check",
            "µs",
            "worker",
            "hosts (logarithmic)",
            "100,000",
            "2 cores",
        ] {
            assert!(text.lines().any(|line| line.trim() == wanted), "no `{wanted}` in {text}");
        }
        let ground = text.lines().find(|line| line.starts_with("<rect")).unwrap();
        assert!(ground.contains(r##"fill="#FFFFFF""##), "{ground}");
        assert!(ground.contains(r#"width="960" height="370""#), "{ground}");
    }

    #[test]
    fn heights_compare_from_zero_and_no_point_lies_on_the_edge() {
        let (hosts, figures) = ranges(&panel());
        assert!(hosts.start > 100.0 && hosts.start < 1_000.0 && hosts.end > 100_000.0, "{hosts:?}");
        assert!(figures.start == 0.0 && figures.end > 110.0, "{figures:?}");
        // Nothing measured is no reason to fail.
        assert!(svg("", &[Panel { series: Vec::new(), ..panel() }]).is_ok());
    }

    #[test]
    fn digits_are_grouped_from_the_right() {
        assert_eq!(grouped(1_000_000.0), "1,000,000");
        assert_eq!(grouped(100.0), "100");
        assert_eq!(grouped(0.0), "0");
    }
}
