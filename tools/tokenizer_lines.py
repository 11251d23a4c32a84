"""Lines in many scripts, and tokenizers of every kind made with the Python package: for compare_tokenizers.py."""

import random

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

SCRIPTS = """The quick brown fox can't jump; it's 3.14 and we'll say "I'd've gone", won't we?
Đây là một câu tiếng Việt: người ta nói rằng trời đẹp hôm nay.
Pchnąć w tę łódź jeża lub ośm skrzyń fig. Žluťoučký kůň. İstanbul'da ılık çay içtik. Þetta er gott, ß ẞ.
Ξεσκεπάζω την ψυχοφθόρα βδελυγμία. ΟΔΥΣΣΕΥΣ ΣΑΣ Σ. ἀρχὴ ἥμισυ παντός ᾳ ΐ
Съешь же ещё этих мягких французских булок, да выпей чаю. Їжак ґанок Ђорђе й ѓ
Մարդիկ ծնվում են ազատ: ყველა ადამიანი იბადება თავისუფალი. ᏣᎳᎩ ᎦᏬᏂᎯᏍᏗ
כל בני האדם נולדו בני חורין שָׁלוֹם עֲלֵיכֶם ושווים בערכם ובזכויותיהם
يولد جميع الناس أحرارًا متساوين في الكرامة والحقوق ١٢٣ لَا إِلَهَ. تمام انسان‌ها آزاد ۴۵۶
सभी मनुष्यों को गौरव और अधिकारों के मामले में जन्मजात स्वतन्त्रता १२३ क़ ज़
সমস্ত মানুষ স্বাধীনভাবে সমান মর্যাদা ড় ঢ় நான் தமிழ் பேசுகிறேன் కొ మనుష్యులందరు ಎಲ್ಲಾ ಮಾನವರೂ
മനുഷ്യരെല്ലാവരും തുല്യാവകാശങ്ങളോടും પ્રતિષ્ઠા અને અધિકારો ਸਾਰਾ ਮਨੁੱਖੀ සියලු මනුෂ්‍යයෝ
มนุษย์ทั้งหลายเกิดมามีอิสระ น้ำ ທຸກຄົນເກີດມາ ມະນຸດ មនុស្សទាំងអស់ លូតាស်တိုင်း လွတ်လပ် འགྲོ་བ་མིའི་
ሁሉም ሰዎች ነጻ ሆነው ተፈጥረዋል። ᠬᠦᠮᠦᠨ ᠲᠥᠷᠥᠵᠦ ⵉⵎⴷⴰⵏⵏ ߒߞߏ ꦗꦮ ᮞᮥᮔ᮪ᮓ
人人生而自由，在尊严和权利上一律平等。他們賦有理性和良心。㐀𠀀𪚥 豈 ﬁ ﬀ ½ Ⅷ ① ㌔ ㎏ ｶﾞ ＡＢ１
すべての人間は、生まれながらにして自由であり、ガギグ ガギグ ー ヶ 東京ー大阪 ｱｲｳ 々 〆
모든 인간은 태어날 때부터 자유로우며 각 한글 ㄱㄴ
👩‍👩‍👧‍👦 👍🏽 🇩🇪🇫🇷 ❤️ 😀😃 1️⃣ ©™ ∑∫√ 𝕳𝖊𝖑𝖑𝖔 ½⅓ x²+y³=z₄ 𝟙𝟚 ٪ ‰
é è Å Å ñ ñ ạ̈ ẛ̣ ̀́ q̣̇ q̣̇ Ω K ﷺ Ǆ ŉ ﬃ
\ta\tb  c   d\u00a0e\u2003f\u3000g\u200bh\u200di\ufeffj\u2028k \u00adsoft\x0b\x0c\x01\x1f\x7f\x85 end   
 leading and trailing  
<s> special </s> [CLS] here [SEP] <mask>in<mask> words  <mask>  end [MASK]xx xx yy
https://example.org/a_b?c=d&e=%20f#g foo@bar.com C++ snake_case CamelCase 1,234,567.89 -5e-3 0x1F a__b ___
!!! ??? ... --- ;;; «guillemets» „deutsch“ ‚einfach‘ ¿qué? ¡ya! 「日本」 、。 · • … – — ' ' ’ `` ''
don't DON'T we'RE 'tis 's 's's I'LL 'LL rock'n'roll l'été aujourd'hui
aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa bbbb\u0301\u0301\u0301\u0301 zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz
▁under▁score ▁ ▁▁ a▁b Ġhello Ġ Ċ <0x41> <0xE4> ##ing ##"""


def own_lines(count, seed=1):
    """The lines above, then mixtures of their words."""
    lines = SCRIPTS.split("\n")
    r, words = random.Random(seed), [w for l in lines for w in l.split(" ")]
    letters = [c for l in lines for c in l]
    while len(lines) < count:
        kind = r.random()
        if kind < 0.6:
            lines.append(" ".join(r.choice(words) for _ in range(r.randint(1, 14))))
        elif kind < 0.8:
            lines.append("".join(r.choice(words) for _ in range(r.randint(1, 6))))
        else:
            lines.append("".join(r.choice(letters) for _ in range(r.randint(1, 40))))
    return lines[:count]


N, P, D, O = normalizers, pre_tokenizers, decoders, processors
SPECIAL = ["[UNK]", "[CLS]", "[SEP]", "[MASK]", "<s>", "</s>", "<mask>"]


def trained(model, trainer, lines, **parts):
    t = Tokenizer(model)
    for name, part in parts.items():
        setattr(t, name, part)
    t.train_from_iterator(lines, trainer)
    return t


def all_tokenizers(lines, vocab):
    """Names and tokenizers; `lines` to learn from."""
    quiet = dict(show_progress=False, special_tokens=SPECIAL)
    byte_level = lambda: dict(vocab_size=vocab, initial_alphabet=P.ByteLevel.alphabet(), **quiet)
    made = {}
    made["byte-bpe"] = trained(models.BPE(), trainers.BpeTrainer(**byte_level()), lines,
                               pre_tokenizer=P.ByteLevel(add_prefix_space=False), decoder=D.ByteLevel(),
                               post_processor=O.ByteLevel(trim_offsets=True))
    made["roberta"] = trained(models.BPE(), trainers.BpeTrainer(**byte_level()), lines,
                              pre_tokenizer=P.ByteLevel(add_prefix_space=True), decoder=D.ByteLevel(),
                              post_processor=O.RobertaProcessing(("</s>", 5), ("<s>", 4)))
    made["llama3"] = trained(
        models.BPE(ignore_merges=True), trainers.BpeTrainer(**byte_level()), lines,
        pre_tokenizer=P.Sequence([
            P.Split(Regex(r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|"
                          r"\s*[\r\n]+|\s+(?!\S)|\s+"), "isolated"),
            P.ByteLevel(add_prefix_space=False, use_regex=False)]),
        decoder=D.ByteLevel(),
        post_processor=O.Sequence([O.ByteLevel(trim_offsets=False),
                                   O.TemplateProcessing(single="<s> $A", pair="<s> $A <s>:1 $B:1",
                                                        special_tokens=[("<s>", 4)])]))
    bert = dict(pre_tokenizer=P.BertPreTokenizer(), decoder=D.WordPiece(),
                post_processor=O.BertProcessing(("[SEP]", 2), ("[CLS]", 1)))
    for name, lower in [("bert-uncased", True), ("bert-cased", False)]:
        made[name] = trained(models.WordPiece(unk_token="[UNK]"),
                             trainers.WordPieceTrainer(vocab_size=vocab, **quiet), lines,
                             normalizer=N.BertNormalizer(lowercase=lower), **bert)
    unigram = lambda: trainers.UnigramTrainer(vocab_size=vocab, unk_token="[UNK]", **quiet)
    made["t5"] = trained(models.Unigram(), unigram(), lines, normalizer=N.Sequence([N.Nmt(), N.NFKC(), N.Replace(Regex(" {2,}"), " ")]),
                         pre_tokenizer=P.Metaspace(), decoder=D.Metaspace(),
                         post_processor=O.TemplateProcessing(single="$A </s>", pair="$A </s> $B </s>", special_tokens=[("</s>", 5)]))
    made["unigram-scripts"] = trained(models.Unigram(), unigram(), lines, normalizer=N.NFC(),
                                      pre_tokenizer=P.Sequence([P.UnicodeScripts(), P.Metaspace(prepend_scheme="first")]),
                                      decoder=D.Metaspace(prepend_scheme="first"))
    byte_tokens = [f"<0x{b:02X}>" for b in range(256)]
    made["llama2"] = trained(models.BPE(unk_token="[UNK]", fuse_unk=True, byte_fallback=True),
                             trainers.BpeTrainer(vocab_size=vocab + 256, limit_alphabet=200, show_progress=False,
                                                 special_tokens=SPECIAL + byte_tokens), lines,
                             normalizer=N.Sequence([N.Prepend("▁"), N.Replace(" ", "▁")]),
                             decoder=D.Sequence([D.Replace("▁", " "), D.ByteFallback(), D.Fuse(), D.Strip(" ", 1, 0)]))
    made["llama2"].add_tokens([AddedToken("xx", normalized=False)])
    made["openai-gpt"] = trained(models.BPE(unk_token="[UNK]", end_of_word_suffix="</w>"),
                                 trainers.BpeTrainer(vocab_size=vocab, end_of_word_suffix="</w>", limit_alphabet=300, **quiet), lines,
                                 normalizer=N.Sequence([N.NFD(), N.StripAccents(), N.Lowercase(), N.Strip()]),
                                 pre_tokenizer=P.Whitespace(), decoder=D.BPEDecoder())
    made["bpe-fused"] = trained(models.BPE(unk_token="[UNK]", fuse_unk=True), trainers.BpeTrainer(vocab_size=vocab, limit_alphabet=150, **quiet),
                                lines, normalizer=N.NFKD(), pre_tokenizer=P.Sequence([P.WhitespaceSplit(), P.Digits(individual_digits=True),
                                                                                      P.Punctuation("contiguous")]))
    made["word-level"] = trained(models.WordLevel(unk_token="[UNK]"), trainers.WordLevelTrainer(vocab_size=vocab, **quiet), lines,
                                 normalizer=N.Sequence([N.Strip(left=True, right=True), N.Lowercase()]),
                                 pre_tokenizer=P.Sequence([P.Whitespace(), P.Digits(), P.FixedLength(6)]))
    made["splits"] = trained(models.WordLevel(unk_token="[UNK]"), trainers.WordLevelTrainer(vocab_size=vocab, **quiet), lines,
                             pre_tokenizer=P.Sequence([P.Split(Regex(r"\d+|\w+?'"), "merged_with_previous"), P.Split(" ", "merged_with_next"),
                                                       P.CharDelimiterSplit("-"), P.Split(Regex("[aeiou]+"), "contiguous"),
                                                       P.Split(Regex(r"[^\s]+"), "removed", invert=True), P.Punctuation("merged_with_next")]))
    made["byte-normalized"] = trained(models.BPE(), trainers.BpeTrainer(**byte_level()), lines, normalizer=N.ByteLevel(),
                                      pre_tokenizer=P.FixedLength(12), decoder=D.ByteLevel())
    for name in ["bert-uncased", "t5", "openai-gpt"]:
        made[name].add_tokens([AddedToken("yy", single_word=True), AddedToken("<MASK>", lstrip=True, rstrip=True)])
        made[name].add_special_tokens([AddedToken("<mask>", lstrip=True, special=True)])
    return made
