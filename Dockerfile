# Debian, not Alpine: eSpeak NG's wheel needs glibc.
FROM python:3.12-slim

WORKDIR /app
COPY requirements.txt .
RUN pip install --no-cache-dir -r requirements.txt \
    && useradd --create-home --uid 10001 sotto \
    && mkdir outputs && chown sotto: outputs
COPY --chown=root:root app.py ./
COPY --chown=root:root pages pages
COPY --chown=root:root utils utils
COPY --chown=root:root .streamlit .streamlit

USER sotto
VOLUME /app/outputs
EXPOSE 8501
HEALTHCHECK --interval=30s --timeout=3s --start-period=20s \
    CMD python -c "import urllib.request as u; u.urlopen('http://127.0.0.1:8501/healthz', timeout=2)"
CMD ["streamlit", "run", "app.py", "--server.address=0.0.0.0", "--server.port=8501"]
