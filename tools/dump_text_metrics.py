#!/usr/bin/env python3
"""Writes what sacrebleu, rouge-score, NLTK's stemmer and SQuAD's script say to tests/metrics/data/text.json.

tests/metrics/text_test.cpp compares. Needs sacrebleu 2.6.0, rouge-score 0.1.2 and transformers 4 (which has the script of
SQuAD 2.0 as a module; it was removed in 5).
"""

import json
import os
import random

from nltk.stem.porter import PorterStemmer
from rouge_score import rouge_scorer
from sacrebleu.metrics import BLEU, CHRF
from transformers.data.metrics import squad_metrics

random.seed(7)
WORDS = ("a the cat dog man woman walks runs quickly on in street park two , . red ball-player 3.5 1,000 don't \"quoted\" "
         "U.S. well-known 20-year e.g. (aside) &amp; Haus Straße größer über naïve 猫 が 走る собака бежит and/or 5-4 x=y "
         "one's $5 50% end... -- ' ` ~").split()


def sentence(least, most):
    return " ".join(random.choice(WORDS) for _ in range(random.randint(least, most)))


def changed(text):
    words = text.split(" ")
    for _ in range(random.randint(0, 3)):
        i = random.randrange(len(words))
        random.choice([lambda: words.pop(i) if len(words) > 1 else None, lambda: words.insert(i, random.choice(WORDS)),
                       lambda: words.__setitem__(i, random.choice(WORDS))])()
    return " ".join(words)


def corpus(hypotheses, references):
    """references: a list for each segment."""
    most = max(len(r) for r in references)
    streams = [[r[i] if i < len(r) else None for r in references] for i in range(most)]
    bleu, chrf = BLEU(), CHRF()
    b, c = bleu.corpus_score(hypotheses, streams), chrf.corpus_score(hypotheses, streams)
    return {"hypotheses": hypotheses, "references": references, "bleu": b.score, "bleu_text": b.format(width=2),
            "bleu_signature": str(bleu.get_signature()), "chrf": c.score, "chrf_text": f"{c.score:.2f}",
            "chrf_signature": str(chrf.get_signature())}


corpora = []
for least, most, count, many in [(5, 20, 30, 1), (1, 4, 12, 1), (0, 9, 20, 1), (3, 12, 15, 3), (1, 1, 5, 1), (6, 9, 1, 2)]:
    truth = [sentence(least, most) for _ in range(count)]
    corpora.append(corpus([changed(t) for t in truth], [[changed(t) if k else t for k in range(many)] for t in truth]))
corpora.append(corpus(["yes", "no no", "thank you"], [["yes"], ["no no"], ["thank you"]]))  # perfect, but short
corpora.append(corpus(["yes", "the cat sat on the mat"], [["yes"], ["the cat sat on the mat"]]))
corpora.append(corpus(["", "the cat sat on a mat today"], [["something"], ["the cat sat on the mat"]]))
corpora.append(corpus(["", ""], [["a b"], ["c"]]))
corpora.append(corpus(["the cat sat here", "a dog"], [["", "the cat sat there"], [""]]))
for lengths in [[3, 5], [5, 3]]:  # as near from both sides: the shorter, in any order
    corpora.append(corpus(["a b c d"], [["a b c d e"[:2 * n - 1] for n in lengths]]))
corpora.append(corpus(["a b c", "a b c d"], [["a b c", "a b"], ["a b c d"]]))  # numbers of references differ
corpora.append(corpus(["&quot;x&quot; &amp;lt; 1,2.3 a- <skipped>z", "tab\there\u00a0there\u3000end \u2003"],
                      [["\"x\" < 1,2.3 a-z"], ["tab here there end"]]))
corpora.append(corpus(["a.b,c 1.2,3 .5 5. ,5 5, x.1 1.x 3-4 a-b -5 é.è 。.」", "..,,.. 1-", "x ~{}[]`_^\\|!#%*+/:;<=>?@$'"],
                      [["a. b , c 1.2 3"], ["."], ["x"]]))

ROUGE = ["rouge1", "rouge2", "rougeL", "rougeLsum"]


def rouge(reference, summary):
    case = {"reference": reference, "summary": summary}
    for stem in (False, True):
        scores = rouge_scorer.RougeScorer(ROUGE, use_stemmer=stem).score(reference, summary)
        case["stemmed" if stem else "plain"] = {k: list(scores[k]) for k in ROUGE}
    return case


ENGLISH = ("#Person1# asks the running runner about his happily enjoyed skies , dying news and generalizations . it's proceeding "
           "relational conditional innings studies studied trying tried 12 3rd non-stop agreed feed hopping falling").split()
rouges = [rouge("", ""), rouge("a cat", ""), rouge("", "a cat"), rouge("猫が走る", "猫が走る"), rouge("!!", "?"),
          rouge("the cat", "the cat the cat the cat the cat"),  # repeats itself
          rouge("KELVIN \u212a\u212a İstanbul İİ", "kelvin kk i stanbul i i"),
          rouge("first line here\nsecond line there\n\nthird", "second line here\nfirst line\nthird third"),
          rouge("a\n!!\nb c d e f", "b d f\na c e\nb c"),
          rouge("w1 w2 w3 w4 w5", "w1 w2 w6 w7 w8\nw1 w3 w8 w9 w5")]
for _ in range(30):
    def lines():
        words = [random.choice(ENGLISH) for _ in range(random.randint(3, 40))]
        return "".join(w + ("\n" if random.random() < 0.12 else " ") for w in words)
    rouges.append(rouge(lines(), lines()))
several = ["the red dog runs home", "a dog was running quickly", "dogs run"]
scores = rouge_scorer.RougeScorer(ROUGE).score_multi(several, "the dog was running home")
best = {"references": several, "summary": "the dog was running home", "best": {k: list(scores[k]) for k in ROUGE}}

STEMS = ("rel happ enjo sk d condition generaliz hop fall hiss fizz fil bl pl tr controll roll adopt electr probat yyy syzyg "
         "geo theo archaeo philo analog vietnam vil decis cre agr fe s spr stud t tie lie organ oper univers commun sens form "
         "x9 o oo ab eb awe buy say pray 7").split()
SUFFIXES = ("- s es ies sses ss ed ied eed ing ating bling izing y ly ally ely ously entli fulli ational tional enci anci izer "
            "abli alli ization ation ator alism iveness fulness ousness aliti iviti biliti logi logy icate ative alize iciti ical "
            "ful ness al ance ence er ic able ible ant ement ment ent ion sion tion ou ism ate iti ous ive ize e ee ll le yes "
            "yed ying").split()
forms = sorted({s + (f if f != "-" else "") for s in STEMS for f in SUFFIXES} |
               set("sky skies dying lying tying news innings inning outings outing cannings canning howe proceed exceed succeed "
                   "died dies ties tied lied flies spied is as be agreed feed".split()))
forms = [w for i, w in enumerate(forms) if i % 3 == 0 or len(w) <= 6]
stem = PorterStemmer().stem
ANSWERS = [["the Cat", "a cat."], ["1,000"], [], [""], ["the"], ["ΟΔΟΣ ΣΑΣ"], ["İzmir"], ["U.S.A."], ["an \u00a0apple\u2003pie"],
           ["caf\u00e9 the bar", "cafe"], ["a-an-the x"], ["theatre an_a the²the"], ["\u201cquoted\u201d the \u201cthe\u201d"],
           ["10\u00bd the\u0301 a"], ["\x1cthe\x1d dog\x85"]]
GUESSES = ["cat", "The cat!", "", "the", "1000", "οδος σας", "i\u0307zmir", "usa", "apple pie", "bar café", "aanthe x", "x",
           "theatre ana the²the", "quoted", "\u201cthe\u201d", "10\u00bd the\u0301", "dog", "the dog the cat"]
squad = []
for answers in ANSWERS:
    gold = [a for a in answers if squad_metrics.normalize_answer(a)] or [""]
    for guess in GUESSES:
        squad.append({"answers": answers, "predicted": guess,
                      "exact_match": max(squad_metrics.compute_exact(a, guess) for a in gold),
                      "f1": max(squad_metrics.compute_f1(a, guess) for a in gold)})

out = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../tests/metrics/data/text.json")
os.makedirs(os.path.dirname(out), exist_ok=True)
with open(out, "w") as f:
    json.dump({"corpora": corpora, "rouge": rouges, "rouge_best": best, "stems": {w: stem(w) for w in forms}, "squad": squad,
               "normalized": {t: squad_metrics.normalize_answer(t) for t in sum(ANSWERS, []) + GUESSES}},
              f, ensure_ascii=False, separators=(",", ":"))
    f.write("\n")
print(out, os.path.getsize(out), "bytes,", len(forms), "stems")
