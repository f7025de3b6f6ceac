"""The sheet of answers that `make demo` draws."""

from PIL import Image

from recipes.demo import ANSWER_SIZE, ANSWERS_A_ROW, LINE, QUERIES, draw_answers

COLOURS = [(200, 20, 20), (20, 160, 20), (20, 20, 200), (180, 160, 20), (160, 20, 160), (20, 160, 160)]


def test_each_query_stands_over_its_first_answer(tmp_path):
    pictures = []
    for number, colour in enumerate(COLOURS[: len(QUERIES)]):
        pictures.append(tmp_path / f"{number}.png")
        Image.new("RGB", (64, 36), colour).save(pictures[-1])
    sheet = draw_answers([*pictures[:-1], None])
    width, height = ANSWER_SIZE
    assert sheet.size == (ANSWERS_A_ROW * width, -(-len(QUERIES) // ANSWERS_A_ROW) * (height + LINE))
    for number in range(len(QUERIES)):
        left, top = number % ANSWERS_A_ROW * width, number // ANSWERS_A_ROW * (height + LINE)
        words = sheet.crop((left, top, left + width, top + LINE)).convert("L")
        assert words.getextrema()[0] < 100, "the query is written"
        centre = sheet.getpixel((left + width // 2, top + LINE + height // 2))
        assert centre == (COLOURS[number] if number + 1 < len(QUERIES) else (255, 255, 255))
