"""What pages do to the HTML of their templates."""

from markupsafe import Markup

from inkling.pages.templating import environment, keep_hyphens


def test_headings_break_no_line_inside_the_name_of_a_network() -> None:
    kept = '<span class="unbroken">reference-cnn</span>'
    assert keep_hyphens("<h2>The reference-cnn's error</h2>") == f"<h2>The {kept}'s error</h2>"
    assert keep_hyphens('<h1 id="a-b">97%: reference-cnn on x</h1>') == f'<h1 id="a-b">97%: {kept} on x</h1>'


def test_what_is_no_word_in_a_heading_stays_as_it_is() -> None:
    for html in ("<p>reference-cnn</p>", "<h2>−0.1 - 2 &#45;x --out</h2>", "<h2><a href='#a-b'>c</a></h2>"):
        assert keep_hyphens(html) == html


def test_a_page_holds_no_control_character_of_a_name() -> None:
    """A class named by an escape sequence, as text and inside a drawing."""
    template = environment("inkling.report").from_string("<p>{{ name }}</p>{{ drawing }}{{ number }}")
    page = template.render(name="cat\x1b[2J & \x9bdog\n", drawing=Markup("<text>\x07</text>"), number=3)
    assert page == "<p>cat\ufffd[2J &amp; \ufffddog\n</p><text>\ufffd</text>3"
