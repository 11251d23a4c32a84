#!/usr/bin/env python3
"""Small random networks of Hugging Face's transformers as folders, with what it computes of given tokens: tests/pretrained/data.

dump_hf_references.py [FOLDER] writes them anew. Made with transformers 5.24.0 and torch 2.15.0 (pip install transformers==5.24.0
torch==2.15.0 safetensors); another version is refused, since its files and numbers may differ. The folders are in the forms that are
found: with and without prefixes and tied weights, old and new keys, gamma and beta, parts with an index, bf16 and f16.
dump_hf_references.py --real FOLDER OUT writes what transformers makes of a real folder and some texts: for CAIRN_PRETRAINED of the tests.
"""
import json
import pathlib
import shutil
import sys

import torch
import transformers
from safetensors.torch import load_file, save_file

assert transformers.__version__ == "5.24.0", transformers.__version__
OUT = pathlib.Path(__file__).parent.parent / "tests/pretrained/data"
BERT = dict(vocab_size=24, hidden_size=8, num_hidden_layers=2, num_attention_heads=2, intermediate_size=12, max_position_embeddings=16)
GPT2 = dict(vocab_size=24, n_embd=8, n_layer=2, n_head=2, n_positions=16, bos_token_id=0, eos_token_id=1)
LLAMA = dict(vocab_size=24, hidden_size=8, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, intermediate_size=12,
             max_position_embeddings=16)
NEOX = dict(vocab_size=24, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=20, max_position_embeddings=16,
            bos_token_id=0, eos_token_id=1)
MARIAN = dict(vocab_size=24, d_model=8, encoder_layers=2, decoder_layers=1, encoder_attention_heads=2, decoder_attention_heads=2,
              encoder_ffn_dim=12, decoder_ffn_dim=12, max_position_embeddings=16, pad_token_id=23, decoder_start_token_id=23,
              eos_token_id=0, forced_eos_token_id=0)


def random_weights(model):
    """Of a size that shows every mistake; gains and biases, too."""
    generator = torch.Generator().manual_seed(7)
    for name, p in model.named_parameters():
        if not p.requires_grad:  # positions that are computed
            continue
        value = torch.randn(p.shape, generator=generator) * (0.4 if p.dim() > 1 else 0.2)
        p.data = value + (1 if p.dim() == 1 and "weight" in name else 0)
    for name, b in model.named_buffers():
        if name == "final_logits_bias":
            b.copy_(torch.randn(b.shape, generator=generator))
    return model.eval()


def inputs(model):
    generator = torch.Generator().manual_seed(3)
    v = model.config.vocab_size
    given = {"tokens": torch.randint(0, v, (3, 7), generator=generator), "lengths": torch.tensor([7, 4, 1])}
    if model.config.model_type == "bert":
        given["types"] = torch.randint(0, 2, (3, 7), generator=generator)
    if model.config.model_type == "marian":
        given["target"] = torch.randint(0, v, (3, 5), generator=generator)
    return given


def outputs(model, given):
    mask = (torch.arange(given["tokens"].shape[1])[None] < given["lengths"][:, None]).long()
    more = {}
    if "types" in given:
        more["token_type_ids"] = given["types"]
    if "target" in given:
        more["decoder_input_ids"] = given["target"]
    with torch.no_grad():
        o = model(input_ids=given["tokens"], attention_mask=mask, **more)
    if "start_logits" in o:
        return torch.stack([o.start_logits, o.end_logits], -1)
    return o.logits if "logits" in o else o.last_hidden_state


def dump(name, model, change_weights=None, change_config=None, dtype=None, shards=False):
    folder = OUT / name
    shutil.rmtree(folder, ignore_errors=True)
    model = random_weights(model)
    (model.to(dtype) if dtype else model).save_pretrained(folder, max_shard_size=1500 if shards else "1GB")
    for more in ("generation_config.json",):
        (folder / more).unlink(missing_ok=True)
    config = json.loads((folder / "config.json").read_text())
    config.pop("transformers_version", None)
    if change_config:
        change_config(config)
    (folder / "config.json").write_text(json.dumps(config, indent=1, sort_keys=True) + "\n")
    if change_weights:
        file = folder / "model.safetensors"
        save_file(change_weights(load_file(file)), file)  # without "format"
    reread = type(model).from_pretrained(folder, dtype=torch.float32).eval()
    given = inputs(model)
    save_file({**given, "output": outputs(reread, given).contiguous()}, folder / "expected.safetensors")


def of_old_tensorflow(weights):
    old = {}
    for name, value in weights.items():
        old[name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta")] = value
    old["bert.embeddings.position_ids"] = torch.arange(16)[None]
    return old


def old_rotary_keys(config):
    config["rope_theta"] = config.pop("rope_parameters")["rope_theta"]
    config["torch_dtype"] = config.pop("dtype")


def with_masks(weights):
    return {**weights, "h.0.attn.bias": torch.ones(1, 1, 16, 16, dtype=torch.bool), "h.0.attn.masked_bias": torch.tensor(-1e4)}


def another_head(weights):
    wte = weights["transformer.wte.weight"]
    return {**weights, "lm_head.weight": wte.flip(0).contiguous()}


def write_all():
    t = transformers
    dump("bert", t.BertModel(t.BertConfig(**BERT)))
    dump("bert_tokens_old", t.BertForMaskedLM(t.BertConfig(**BERT)), of_old_tensorflow)
    dump("bert_classes", t.BertForSequenceClassification(t.BertConfig(**BERT, num_labels=3)))
    dump("bert_span", t.BertForQuestionAnswering(t.BertConfig(**BERT, hidden_act="gelu_new")))
    dump("gpt2", t.GPT2LMHeadModel(t.GPT2Config(**GPT2)))
    dump("gpt2_bare", t.GPT2Model(t.GPT2Config(**GPT2, n_inner=20)), with_masks)
    dump("gpt2_untied", t.GPT2LMHeadModel(t.GPT2Config(**GPT2)), another_head)
    dump("llama_parts", t.LlamaForCausalLM(t.LlamaConfig(**LLAMA, rope_parameters={"rope_type": "default", "rope_theta": 500.0})),
         dtype=torch.bfloat16, shards=True)
    dump("llama_old", t.LlamaForCausalLM(t.LlamaConfig(**LLAMA, head_dim=4, attention_bias=True, mlp_bias=True, tie_word_embeddings=True)),
         change_config=old_rotary_keys, dtype=torch.float16)
    dump("neox", t.GPTNeoXForCausalLM(t.GPTNeoXConfig(**NEOX)))
    dump("neox_sequential", t.GPTNeoXForCausalLM(t.GPTNeoXConfig(
        **NEOX, use_parallel_residual=False, rope_parameters={"rope_type": "default", "rope_theta": 10000.0, "partial_rotary_factor": 1.0})))
    dump("marian", t.MarianMTModel(t.MarianConfig(**MARIAN, scale_embedding=True, activation_function="swish")))


def real(folder, out):
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model = transformers.AutoModel.from_pretrained(folder, dtype=torch.float32).eval()
    texts = ["A man is eating food.", "The quick brown fox jumps over the lazy dog; Zürich's café costs 3.50!", "hello"]
    e = tokenizer(texts, padding=True, return_tensors="pt")
    with torch.no_grad():
        hidden = model(**e).last_hidden_state
    mean = (hidden * e["attention_mask"][..., None]).sum(1) / e["attention_mask"].sum(1, keepdim=True)
    save_file({"tokens": e["input_ids"], "lengths": e["attention_mask"].sum(1), "output": hidden.contiguous(),
               "embedding": torch.nn.functional.normalize(mean)}, out)


if sys.argv[1:2] == ["--real"]:
    real(*sys.argv[2:4])
else:
    OUT = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else OUT
    write_all()
