"""The glossary: every term of the report in two sentences, with its formula and its source.

docs/glossary.md is made of this; a page shows the terms that it links to.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from markupsafe import Markup, escape


@dataclass(frozen=True)
class Term:
    """One entry."""

    id: str
    name: str
    definition: str  # two sentences
    formula: str = ""
    source: str = ""
    also: tuple[str, ...] = ()  # other words that mean it in a text

    @property
    def anchor(self) -> str:
        """Its id in a page."""
        return f"term-{self.id}"


TERMS = (
    Term(
        "accuracy",
        "accuracy",
        "The fraction of images whose predicted class is their label. Test accuracy is measured on images that played "
        "no part in training or in choosing the epoch.",
        "accuracy = correct / n",
        also=("test accuracy", "validation accuracy"),
    ),
    Term(
        "error-rate",
        "error rate",
        "The fraction of images that are misclassified. Near an accuracy of 100% it shows differences that accuracy "
        "hides: 1% against 2% is half the errors.",
        "error rate = 1 − accuracy",
    ),
    Term(
        "attribution",
        "attribution map",
        "How much each pixel of one image raised (evidence for) or lowered (evidence against) the logit of a class. "
        "It explains one prediction of one network, not the class.",
        also=("attribution maps",),
    ),
    Term(
        "balanced-accuracy",
        "balanced accuracy",
        "The mean of the recalls of all classes, so that each counts equally, however few images it has. Always "
        "answering one of K classes has a balanced accuracy of 1 / K.",
        "balanced accuracy = (1/K) Σₖ recallₖ",
    ),
    Term(
        "behrens-fisher",
        "Behrens–Fisher test",
        "A t test of two means whose variances differ and are both known from few values, here the accuracies over "
        "seeds. The choice of images is a third source of variance, known from many.",
        source="Ghosh, M., Kim, Y.-H. (2001). The Behrens-Fisher problem revisited: a Bayes-frequentist synthesis. "
        "Canadian Journal of Statistics 29.",
        also=("Behrens–Fisher",),
    ),
    Term(
        "bootstrap",
        "paired bootstrap",
        "The images are drawn again with replacement many times, each with the predictions of both networks, and the "
        "statistic is computed on every draw. The middle 95% of the values are its 95% interval.",
        source="Efron, B., Tibshirani, R. (1993). An Introduction to the Bootstrap. Chapman & Hall.",
    ),
    Term(
        "brier-score",
        "Brier score",
        "The mean squared distance between the predicted probabilities and the true class. It is 0 for a perfect "
        "prediction and 2 for a certain wrong one, and rewards accuracy and calibration together.",
        "Brier = (1/n) Σᵢ Σₖ (pᵢₖ − [yᵢ = k])²",
        "Brier, G. W. (1950). Verification of forecasts expressed in terms of probability. Monthly Weather Review 78.",
    ),
    Term(
        "channel",
        "channel",
        "One of the values that a picture has at every pixel: one for grey images, three for RGB. After a convolution "
        "there is one channel per filter.",
    ),
    Term(
        "confidence",
        "confidence",
        "The probability that a network gives to the class it predicts. A network is overconfident if its mean "
        "confidence exceeds its accuracy, and underconfident if it falls short of it.",
        "confidence = maxₖ pₖ",
        also=("mean confidence",),
    ),
    Term(
        "confident-learning",
        "confident learning",
        "A method that finds labels that are probably wrong, from the probabilities of a network that was not trained "
        "on the images. A label is suspect if the image reaches another class's mean self-confidence but not its own.",
        source="Northcutt, C., Jiang, L., Chuang, I. (2021). Confident Learning: Estimating Uncertainty in Dataset "
        "Labels. Journal of Artificial Intelligence Research 70.",
    ),
    Term(
        "confusion-matrix",
        "confusion matrix",
        "A table that counts images by true class (row) and predicted class (column). The diagonal holds what was "
        "classified correctly.",
    ),
    Term(
        "cross-entropy",
        "loss (cross-entropy)",
        "What training minimises: the mean negative logarithm of the probability of the true class, in nats per image. "
        "It grows without bound as a wrong prediction becomes more confident.",
        "loss = −(1/n) Σᵢ ln pᵢ(yᵢ)",
        "Goodfellow, I., Bengio, Y., Courville, A. (2016). Deep Learning, section 6.2. MIT Press.",
    ),
    Term(
        "deletion-test",
        "deletion test",
        "Pixels are removed in the order of an attribution map, and the probability of the predicted class is measured "
        "on the way. A map that finds what matters makes the probability fall faster than a random order does, and "
        "faster than maps that never saw the network, such as the brightest pixels first.",
        source="Petsiuk, V., Das, A., Saenko, K. (2018). RISE: Randomized Input Sampling for Explanation of Black-box "
        "Models. BMVC.",
    ),
    Term(
        "early-stopping",
        "early stopping",
        "Training ends, or the weights are taken, at the epoch of the highest validation accuracy instead of the last "
        "one. It limits overfitting without changing the network.",
        source="Prechelt, L. (1998). Early Stopping — But When? In Neural Networks: Tricks of the Trade. Springer.",
    ),
    Term(
        "epoch",
        "epoch",
        "One pass over all training images. The best epoch is the one with the highest validation accuracy, and its "
        "weights are kept.",
    ),
    Term(
        "ece",
        "expected calibration error (ECE)",
        "The mean distance between confidence and accuracy over bins of similar confidence, weighted by the images in "
        "them. It is 0 for perfect calibration, and above 0 by chance alone on a finite sample.",
        "ECE = Σ_b (n_b / n) |accuracy_b − confidence_b|",
        "Naeini, M. P., Cooper, G., Hauskrecht, M. (2015). Obtaining Well Calibrated Probabilities Using Bayesian "
        "Binning. AAAI.",
        also=("ECE", "expected calibration error"),
    ),
    Term(
        "extrapolation",
        "extrapolation",
        "A prediction outside the range that was measured, such as the error at twice the largest number of training "
        "images. It holds only as far as the fitted curve goes on as before.",
        also=("extrapolated",),
    ),
    Term(
        "feature-map",
        "feature map",
        "The output of one channel of a layer for one image, as a picture. It is bright where the image contains the "
        "pattern to which the channel responds.",
    ),
    Term(
        "filter",
        "filter",
        "The weights of one channel of a convolution, applied at every place of its input. The result is a feature "
        "map.",
    ),
    Term(
        "hidden-unit",
        "hidden unit",
        "One number that a network computes between its input and its output: a weighted sum followed by a "
        "non-linearity. The last hidden units are weighted and summed to the logits.",
        also=("hidden units",),
    ),
    Term(
        "holm",
        "Holm adjustment",
        "Of m comparisons, the smallest p-value is multiplied by m, the next by m − 1, and so on. Where only adjusted "
        "p-values below 0.05 count, the chance of one false finding among all of them is at most 5%.",
        source="Holm, S. (1979). A simple sequentially rejective multiple test procedure. Scandinavian Journal of "
        "Statistics 6.",
        also=("Holm",),
    ),
    Term(
        "integrated-gradients",
        "integrated gradients",
        "An attribution method: the gradient of a logit, averaged on the straight path from a baseline to the image, "
        "times their difference. The attributions of all pixels sum to the difference of the logits at both ends.",
        "IGⱼ(x) = (xⱼ − x′ⱼ) ∫₀¹ ∂F(x′ + α(x − x′))/∂xⱼ dα",
        "Sundararajan, M., Taly, A., Yan, Q. (2017). Axiomatic Attribution for Deep Networks. ICML.",
    ),
    Term(
        "logits",
        "logits",
        "The outputs of a network before they become probabilities, one per class. Softmax turns them into "
        "probabilities that sum to 1.",
        "pₖ = exp(zₖ) / Σⱼ exp(zⱼ)",
    ),
    Term(
        "macro-f1",
        "macro-F1",
        "The mean of the F1 of all classes, each the harmonic mean of the class's recall and precision. A class that "
        "is rarely found, or that other images are often predicted as, lowers it as much as any other.",
        "macro-F1 = (1/K) Σₖ 2 correctₖ / (imagesₖ + predictedₖ)",
        "Takahashi, K. et al. (2022). Confidence interval for micro-averaged F1 and macro-averaged F1 scores. Applied "
        "Intelligence 52.",
    ),
    Term(
        "majority-baseline",
        "majority baseline",
        "The accuracy of always answering the most frequent class. A network that is not better has shown nothing.",
        "majority baseline = images of the most frequent class / n",
    ),
    Term(
        "mcnemar",
        "McNemar test",
        "A test of whether two classifiers differ on the same images, from the images that exactly one of them "
        "classifies correctly. If they are equally good, each such image is a fair coin toss (binomial test); half the "
        "probability of the observed counts is left out (mid-p), without which the test is too careful.",
        "p = 2 · P(X ≤ min(b, c)) − P(X = min(b, c)), X ~ Binomial(b + c, ½)",
        "McNemar, Q. (1947). Note on the sampling error of the difference between correlated proportions or "
        "percentages. Psychometrika 12. Fagerland, M. W., Lydersen, S., Laake, P. (2013). BMC Medical Research "
        "Methodology 13:91.",
        also=("mid-p McNemar test",),
    ),
    Term(
        "multiply-adds",
        "multiply-adds",
        "Multiplications with a weight, each with its addition, to classify one image. They measure the cost of a "
        "prediction independently of the machine.",
    ),
    Term(
        "nll",
        "negative log-likelihood",
        "The mean negative logarithm of the probability of the true class, in nats per image. Like the Brier score it "
        "rewards accuracy and calibration together, but punishes confident mistakes more.",
        "NLL = −(1/n) Σᵢ ln pᵢ(yᵢ)",
    ),
    Term(
        "newcombe",
        "Newcombe interval",
        "A confidence interval for the difference of two proportions, made of their two Wilson intervals. It holds "
        "near 0 and 100%, where the usual normal approximation fails.",
        "d − √((p₁ − l₁)² + (u₂ − p₂)²) to d + √((u₁ − p₁)² + (p₂ − l₂)²)",
        "Newcombe, R. G. (1998). Interval estimation for the difference between independent proportions. Statistics in "
        "Medicine 17.",
        also=("Newcombe",),
    ),
    Term(
        "overfitting",
        "overfitting",
        "A network fits its training images better than new ones, because it has also learned what is peculiar to "
        "them. It is measured by the gap between training and validation accuracy at the best epoch.",
        "gap = training accuracy − validation accuracy",
        also=("overfits", "overfit"),
    ),
    Term(
        "p-value",
        "p-value",
        "The probability of a difference at least as large as the measured one if there were none. Below 0.05 it is "
        "called statistically significant here; of several comparisons, the p-value adjusted for all of them (Holm) "
        "decides.",
    ),
    Term(
        "parameters",
        "parameters",
        "The numbers in a network that training changes: weights and biases. They are what a saved network stores.",
    ),
    Term(
        "power-law",
        "power-law fit",
        "Test error falls with the number of training images n about as a power of n, down to a floor. The curve is "
        "fitted to the measured sizes and continued to predict larger ones.",
        "error(n) = a·n⁻ᵇ + c",
        "Hestness, J. et al. (2017). Deep Learning Scaling is Predictable, Empirically. arXiv:1712.00409.",
        also=("power law",),
    ),
    Term(
        "precision",
        "precision (of a class)",
        "The fraction of the images predicted as a class that are of it. It depends on how frequent the classes are.",
        "precisionₖ = correctₖ / predictedₖ",
    ),
    Term(
        "prediction-interval",
        "prediction interval",
        "The range in which a new measurement is expected with a probability of 95%. It is wider than a confidence "
        "interval for the mean, because a single measurement also varies.",
    ),
    Term(
        "recall",
        "recall (of a class)",
        "The fraction of the images of a class that are predicted as it. It is the accuracy on this class alone.",
        "recallₖ = correctₖ / imagesₖ",
    ),
    Term(
        "reliability-diagram",
        "reliability diagram",
        "Accuracy against confidence, for groups of images of similar confidence. The points of a calibrated network "
        "lie on the diagonal, but for chance.",
        source="Guo, C., Pleiss, G., Sun, Y., Weinberger, K. Q. (2017). On Calibration of Modern Neural Networks. "
        "ICML.",
    ),
    Term(
        "risk-coverage",
        "risk-coverage curve",
        "The error rate (risk) on the images that remain when those of lowest confidence are rejected. Coverage is the "
        "fraction that remains.",
        "risk(c) = error rate on the fraction c of highest confidence",
        "El-Yaniv, R., Wiener, Y. (2010). On the Foundations of Noise-free Selective Classification. Journal of "
        "Machine Learning Research 11.",
        also=("coverage",),
    ),
    Term(
        "seed",
        "seed",
        "The number from which all random choices of a run follow: first weights, order of images, augmentation. Runs "
        "of several seeds show how far a result depends on such choices.",
    ),
    Term(
        "standard-deviation",
        "standard deviation",
        "How far values scatter around their mean, here over seeds. It is computed with n − 1 in the denominator.",
        "sd = √(Σᵢ (xᵢ − x̄)² / (n − 1))",
    ),
    Term(
        "temperature",
        "temperature scaling",
        "All logits are divided by one number T that is fitted on validation images, which makes the probabilities "
        "better calibrated. The predicted class never changes.",
        "pₖ = exp(zₖ / T) / Σⱼ exp(zⱼ / T)",
        "Guo, C., Pleiss, G., Sun, Y., Weinberger, K. Q. (2017). On Calibration of Modern Neural Networks. ICML.",
    ),
    Term(
        "validation",
        "validation images",
        "Images that are not trained on, and on which the network is evaluated after every epoch to choose the best "
        "one. Because they choose, the final accuracy is measured on test images.",
    ),
    Term(
        "wilson",
        "Wilson interval",
        "A confidence interval for a proportion, such as an accuracy on n images. It stays within 0 and 100% and holds "
        "for small n and for proportions near the ends.",
        "(p + z²/2n ± z √(p(1 − p)/n + z²/4n²)) / (1 + z²/n), z = 1.96",
        "Wilson, E. B. (1927). Probable inference, the law of succession, and statistical inference. Journal of the "
        "American Statistical Association 22.",
        also=("Wilson intervals",),
    ),
)  # fmt: skip
"""All entries."""

_BY_ID = {term.id: term for term in TERMS}
_BY_WORDS = {words: term for term in TERMS for words in (term.name, *term.also)}
_WORDS = re.compile(r"(?<!\w)(" + "|".join(map(re.escape, sorted(_BY_WORDS, key=len, reverse=True))) + r")(?!\w)")


def glossary_link(key: str, text: str = "") -> Markup:
    """Return a link to a term of the glossary, with the term's name or other words as its text."""
    term = _BY_ID[key]
    return Markup('<a class="term" href="#{}">{}</a>').format(term.anchor, text or term.name)


def link_terms(text: str) -> Markup:
    """Return a text, escaped, with the first mention of each term as a link to the glossary."""
    parts, end, seen = [], 0, set()
    for match in _WORDS.finditer(text):
        term = _BY_WORDS[match[0]]
        if term.id not in seen:
            seen.add(term.id)
            parts += [escape(text[end : match.start()]), glossary_link(term.id, match[0])]
            end = match.end()
    return Markup("").join([*parts, escape(text[end:])])


def link_once(html: str, seen: set[str] | None = None) -> Markup:
    """Return HTML whose terms are links at their first mention only, so that links do not drown the text.

    Parameters
    ----------
    html : str
        Made of escaped parts, as by a template.
    seen : set of str, optional
        Anchors that were linked before; gets those that are.
    """
    linked = set() if seen is None else seen

    def unlink(match: re.Match[str]) -> str:
        if match[1] in linked:
            return match[2]
        linked.add(match[1])
        return match[0]

    return Markup(re.sub(r'<a class="term" href="#term-([\w-]+)">(.*?)</a>', unlink, html))  # noqa: S704


def linked_terms(pages: Iterable[str]) -> tuple[Term, ...]:
    """Return the terms that pieces of HTML link to, by name."""
    keys = {key for page in pages for key in re.findall(r'class="term" href="#term-([\w-]+)"', page)}
    return tuple(sorted((_BY_ID[key] for key in keys), key=lambda term: term.name.lower()))


def markdown() -> str:
    """Return docs/glossary.md."""
    lines = [
        "# Glossary",
        "",
        "Every term of the report, with its formula and its source. This page is made by "
        "`python -c 'from inkling.pages.glossary import markdown; print(markdown(), end=\"\")' > docs/glossary.md`.",
    ]
    for term in sorted(TERMS, key=lambda term: term.name.lower()):
        lines += ["", f"## {term.name}", "", term.definition]
        if term.formula:
            lines += ["", f"    {term.formula}"]
        if term.source:
            lines += ["", f"Source: {term.source}"]
    return "\n".join(lines) + "\n"
