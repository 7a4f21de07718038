"""The provinces and large cities of China that a text names."""

from __future__ import annotations

import re

# Chinese name, English names. Provinces, regions, and cities of over about five million people or
# with rules of their own that people ask for.
_NAMES = """
北京 beijing|上海 shanghai|天津 tianjin|重庆 chongqing|河北 hebei|山西 shanxi|辽宁 liaoning
吉林 jilin|黑龙江 heilongjiang|江苏 jiangsu|浙江 zhejiang|安徽 anhui|福建 fujian|江西 jiangxi
山东 shandong|河南 henan|湖北 hubei|湖南 hunan|广东 guangdong|海南 hainan|四川 sichuan
贵州 guizhou|云南 yunnan|陕西 shaanxi|甘肃 gansu|青海 qinghai|台湾 taiwan|内蒙古 inner_mongolia
广西 guangxi|西藏 tibet|宁夏 ningxia|新疆 xinjiang|香港 hong_kong|澳门 macau|广州 guangzhou
深圳 shenzhen|杭州 hangzhou|南京 nanjing|苏州 suzhou|无锡 wuxi|宁波 ningbo|温州 wenzhou
嘉兴 jiaxing|合肥 hefei|福州 fuzhou|厦门 xiamen|泉州 quanzhou|南昌 nanchang|济南 jinan
青岛 qingdao|烟台 yantai|郑州 zhengzhou|洛阳 luoyang|武汉 wuhan|长沙 changsha|佛山 foshan
东莞 dongguan|珠海 zhuhai|中山市 zhongshan|惠州 huizhou|成都 chengdu|贵阳 guiyang|昆明 kunming
西安 xi'an|兰州 lanzhou|沈阳 shenyang|大连 dalian|长春 changchun|哈尔滨 harbin|石家庄 shijiazhuang
太原 taiyuan|南宁 nanning|海口 haikou|三亚 sanya|唐山 tangshan|徐州 xuzhou|南通 nantong
常州 changzhou|绍兴 shaoxing|金华 jinhua|义乌 yiwu|乌鲁木齐 urumqi|拉萨 lhasa|银川 yinchuan
西宁 xining|呼和浩特 hohhot
"""
_PLACES = {
    english: chinese
    for pair in re.split(r"[|\n]", _NAMES.strip())
    for chinese, english in [pair.split()]
}
_CHINESE = re.compile("|".join(_PLACES.values()))
_ENGLISH = re.compile(
    r"\b(?:" + "|".join(name.replace("_", " ") for name in _PLACES) + r")\b", re.IGNORECASE
)
OFTEN = 5  # times that a text names a place which it is about


def find_places(text: str) -> frozenset[str]:
    """Return the Chinese names of the places that a text names, in either language.

    >>> sorted(find_places("深圳和 Hong Kong 的补贴"))
    ['深圳', '香港']
    """
    english = (_PLACES[name.lower().replace(" ", "_")] for name in _ENGLISH.findall(text))
    return frozenset(_CHINESE.findall(text)).union(english)


def is_elsewhere(question: str, document: str) -> bool:
    """Return whether a question is about a place, and a document about others alone.

    A document is about the places that it names often; a national law names none, and may
    answer a question from anywhere.
    """
    asked = find_places(question)
    if not asked or asked & find_places(document):
        return False
    return any(document.count(place) >= OFTEN for place in set(_CHINESE.findall(document)))
