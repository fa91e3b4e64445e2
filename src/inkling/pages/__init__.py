"""What all HTML pages share: the template environment, the style sheet, cards of images."""
